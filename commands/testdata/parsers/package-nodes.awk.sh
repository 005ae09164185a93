# Which node may run which package: every separator splits.
awk -F "[ :|=]" '$1 == "package" && $3 == "node" && $5 == "name" { print $2, $6 }'
