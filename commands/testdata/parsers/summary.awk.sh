# What an agent hands to a check: object and summary.
grep summary= | awk -F '|' '{ split($NF, kv, "="); print (NF > 1 ? $1 : "Total Status"), kv[2] }'
