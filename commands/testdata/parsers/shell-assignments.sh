# Lines without a prefix read as shell variables.
while IFS='=' read -r name value; do
	case $name in
	*'|'*) ;;
	name | cluster_pr_mode) echo "$name is $value" ;;
	esac
done
