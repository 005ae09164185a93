# Completion for fish of lunguard and its commands. What a word can become, the
# binary says; nothing of that is evaluated here.

function __lunguard_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l program (realpath (command -s -- $words[1]) 2>/dev/null)
    if not string match -q 'lunguard*' -- (string replace -r '.*/' '' -- "$program")
        # Somebody else's command of that name.
        __fish_complete_path $word
        return
    end
    for line in ($program complete -- (string replace -r '.*/' '' -- $words[1]) $words[2..-1] "$word" 2>/dev/null)
        switch $line
            case ':files' ':dirs'
                set -l option (string match -r '^--[^=]*=' -- $word)
                for file in (__fish_complete_path (string replace -r '^--[^=]*=' '' -- $word))
                    if test $line = :files; or string match -q '*/*' -- (string split \t -- $file)[1]
                        echo "$option$file"
                    end
                end
            case '*'
                echo $line
        end
    end
end

for name in lunguard pr_start pr_halt pr_fence pr_check pr_list pr_probe pr_watchdog pr_cntl fence_lunguard vg_pr_key pr_cleanup sg_persist cmcheckconf cmapplyconf cmviewcl cmgetpkgenv cmgetconf cmmakepkg cmrunpkg cmhaltpkg cmmodpkg cmrunserv cmhaltserv
    complete -c $name -f -a '(__lunguard_complete)'
end
