# Completion for bash of lunguard and its commands. What a word can become, the
# binary says; nothing of that is evaluated here.

_lunguard() {
	local program rest=${COMP_LINE:0:COMP_POINT} words=() word lead i
	program=$(readlink -f -- "$(type -P -- "$1")")
	if [[ ${program##*/} != lunguard* ]]; then
		# Somebody else's command of that name.
		compopt -o default -o bashdefault
		return
	fi

	# bash takes --color=auto for three words, and so it is with colons.
	for ((i = 0; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		lead=${rest%%[![:blank:]]*}
		rest=${rest#"$lead"}
		((i < COMP_CWORD)) || word=$rest
		rest=${rest#"$word"}
		if ((i > 0)) && [[ -z $lead ]]; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
	done

	# What readline will not replace, and what was typed without its quotes.
	local typed=${words[-1]} quote=
	local head=${typed%"$2"}
	case $typed in
	[\"\']*) quote=${typed:0:1} ;;
	esac
	for i in "${!words[@]}"; do
		words[i]=${words[i]//[\\\"\']/}
		[[ ${words[i]} != "~/"* ]] || words[i]=$HOME${words[i]:1}
	done
	[[ $quote ]] && head=${head#"$quote"}

	local reply
	COMPREPLY=()
	while IFS=$'\t' read -r reply _; do
		case $reply in
		:files) compopt -o default -o bashdefault ;;
		:dirs) compopt -o dirnames ;;
		*)
			reply=${reply#"$head"}
			if [[ $reply == *[!A-Za-z0-9/._:=@%+,-]* ]]; then
				# In open quotes it could not be made harmless.
				[[ ! $quote ]] || continue
				printf -v reply %q "$reply"
			fi
			COMPREPLY+=("$reply")
			;;
		esac
	done < <("$program" complete -- "${1##*/}" "${words[@]:1}" 2>/dev/null)
	[[ ${#COMPREPLY[@]} != 1 || $COMPREPLY != */ ]] || compopt -o nospace
}

complete -F _lunguard lunguard pr_start pr_halt pr_fence pr_check pr_list pr_probe pr_watchdog pr_cntl fence_lunguard \
	vg_pr_key pr_cleanup sg_persist \
	cmcheckconf cmapplyconf cmviewcl cmgetpkgenv cmgetconf cmmakepkg cmrunpkg cmhaltpkg cmmodpkg cmrunserv cmhaltserv
