# Keys by node, then modes.
awk -F '[|=]' '/node_pr_key=/ { print $1, $3 } /pr_mode=/ { print $(NF - 1), $NF }'
