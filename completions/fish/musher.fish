# fish completion for musher and musher-*. Story ids and author names come from the log: they are read with musher-inspect and
# musher-trust, never evaluated, and those with invisible or control characters or a leading hyphen are left out.

# The words before the cursor from the command on: "put", "478_story_sync", ...
function __musher_words
    set -l words (commandline -opc)
    set -l program (string replace -r '^.*/' '' -- $words[1])
    set -e words[1]
    if test "$program" != musher
        set -p words (string replace -r '^musher-' '' -- $program)
    end
    string join -- \n $words
end

# Whether the command is one of these; without any, whether there is none yet.
function __musher_runs
    set -l words (__musher_words)
    if test (count $argv) -eq 0
        test (count $words) -eq 0
    else
        contains -- "$words[1]" $argv
    end
end

# The arguments before the cursor, without the command and options.
function __musher_arguments
    set -l words (__musher_words)
    set -l is_value no
    for word in $words[2..]
        if test $is_value = yes
            set is_value no
            continue
        end
        switch $word
            case -l --log --identity --color --config --document --join --name --group --from --reason --stage --older-than \
                    --confirm --max --wait --at --order --compare --story --crypto --state --checks --max-duration --textfile --listen \
                    --log-format --token-file --allow-host --tls-cert --tls-key --rendezvous --rendezvous-token-file
                set is_value yes
            case '-?*'
            case '*'
                printf '%s\n' $word
        end
    end
end

# Whether the word to complete is argument number $argv[1] (from 0), and those before it are the rest of $argv.
function __musher_argument
    set -l before (__musher_arguments)
    test (count $before) -eq $argv[1]; or return
    set -e argv[1]
    while set -q argv[1]
        test "$before[1]" = "$argv[1]"; or return
        set -e argv[1]
        set -e before[1]
    end
end

# Runs musher-$argv[1] with the log of the command line and the rest of $argv.
function __musher_run
    set -l words (commandline -opc)
    set -l program musher-$argv[1]
    set -l folder (string match -r '^.*(?=/)' -- $words[1])
    if test -n "$folder" -a -x "$folder/$program"
        set program $folder/$program
    end
    set -l log
    for i in (seq 2 (count $words))
        switch $words[$i]
            case -l --log --config
                set -a log (string replace -r '^-l$' -- --log $words[$i]) (string replace -r '^~/' "$HOME/" -- $words[(math $i + 1)])
            case '--log=*' '--config=*'
                set -a log $words[$i]
            case '-l?*'
                set -a log --log (string sub -s 3 -- $words[$i])
        end
    end
    $program $argv[2..] $log --json </dev/null 2>/dev/null
end

# Of the JSON document on stdin each string that stands between $argv[1] and $argv[2] (regular expressions), one a line.
function __musher_strings
    cat | string match -arg -- $argv[1]'"((?:[^"\\\\]|\\\\.)*)"'$argv[2] |
        string replace -ar '\\\\(["\\\\])' '$1' |
        string match -vr '^-|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]'
end

function __musher_stories
    __musher_run inspect stories | __musher_strings '\{"story_id":' ',"items"'
end

function __musher_authors
    __musher_run trust list | __musher_strings '"name":' ',"trust"'
end

# Adds a completion to `musher COMMAND` and `musher-COMMAND`.
function __musher_complete
    complete -c musher-$argv[1] $argv[2..]
    complete -c musher -n "__musher_runs $argv[1]" $argv[2..]
end

set -l stages 1_backlog 2_current 3_qa 4_merge 5_done 6_archived

complete -c musher -f
complete -c musher -n __musher_runs -s h -l help -d 'show the options and exit'
complete -c musher -n __musher_runs -l version -d 'show the version and exit'
complete -c musher -n __musher_runs -a help -d 'show the options of a command'
for place in __musher_runs '__musher_runs help; and __musher_argument 0'
    complete -c musher -n $place -a init -d 'create an op log and an identity to write it with'
    complete -c musher -n $place -a identity -d "make a key of one's own, or show one"
    complete -c musher -n $place -a trust -d 'say whose ops count here'
    complete -c musher -n $place -a put -d 'write fields of a story, or begin one'
    complete -c musher -n $place -a purge -d 'take stories out of the pipeline for ever'
    complete -c musher -n $place -a inspect -d 'look at stories, ops, authors and what a log holds'
    complete -c musher -n $place -a replay -d 'rebuild the pipeline from its ops and say what differs'
    complete -c musher -n $place -a sync -d 'bring two logs of one document together, offline'
    complete -c musher -n $place -a serve -d 'hold a log in memory, follow it, and answer MCP clients'
    complete -c musher -n $place -a verify-order -d 'check that a log is complete, in order and as it was signed'
end

for command in init identity trust put purge inspect replay sync serve verify-order
    __musher_complete $command -f
    __musher_complete $command -s q -l quiet -d 'say nothing but errors'
    __musher_complete $command -l utc -d 'show times in UTC'
    __musher_complete $command -l color -x -a 'auto always never' -d 'whether to use colour'
    __musher_complete $command -l config -r -F -d 'the configuration'
    __musher_complete $command -s h -l help -d 'show the options and exit'
    __musher_complete $command -l version -d 'show the version and exit'
end
for command in init identity trust put purge inspect replay serve verify-order
    __musher_complete $command -s l -l log -r -F -d 'the op log'
end
for command in init identity trust put purge inspect replay sync verify-order
    __musher_complete $command -l json -d 'write one JSON document'
end
for command in init identity trust put purge inspect serve
    __musher_complete $command -l identity -r -F -d 'the key to sign with'
end

__musher_complete init -l document -x -d 'hold a copy of this document'
__musher_complete init -l join -r -F -d 'hold a copy of the document of another log or server'
__musher_complete init -l token-file -r -F -d 'what to show that server'
__musher_complete init -l name -x -d 'what the new identity is called in this log'
__musher_complete init -l group -x -a '(__fish_complete_groups)' -d 'let the members of this group in'

__musher_complete identity -n '__musher_argument 0' -a 'new show'

__musher_complete trust -l eraser -d 'add: may also erase what others wrote'
__musher_complete trust -l no-eraser -d 'add: may no longer erase what others wrote'
__musher_complete trust -l from -x -d 'revoke: mute this op of the author and all after it'
__musher_complete trust -n '__musher_argument 0' -a 'list add revoke'
__musher_complete trust -n '__musher_argument 1 add' -F
__musher_complete trust -n '__musher_argument 1 revoke' -F -a '(__musher_authors)'

__musher_complete put -l server -x -d 'work on the log of a live server'
__musher_complete put -l token-file -r -F -d 'what to show that server'
__musher_complete put -l new -d 'make the story'
__musher_complete put -l again -d 'with --new: start a purged or muted story afresh'
__musher_complete put -s n -l dry-run -d 'do all but the writing'
__musher_complete put -l wait -x -d 'how long to wait for live servers'
__musher_complete put -n '__musher_argument 0; and not contains -- --new (commandline -opc)' -a '(__musher_stories)'
__musher_complete put -n 'not __musher_argument 0' -a "stage={(string join , $stages)}"
__musher_complete put -n 'not __musher_argument 0' -a 'name= agent= retry_count:= blocked:= depends_on:='

__musher_complete purge -l server -x -d 'work on the log of a live server'
__musher_complete purge -l token-file -r -F -d 'what to show that server'
__musher_complete purge -l list -d 'list the stories that were purged'
__musher_complete purge -l reason -x -d why
__musher_complete purge -s n -l dry-run -d 'show what would be purged'
__musher_complete purge -l stage -x -a "$stages" -d 'stories in this stage'
__musher_complete purge -l older-than -x -d 'stories without news for this long'
__musher_complete purge -l confirm -x -a '(__musher_stories)' -d 'say the story id again'
__musher_complete purge -l yes -d 'do not ask'
__musher_complete purge -l max -x -d 'how many stories --yes stands for'
__musher_complete purge -l wait -x -d 'how long to wait for live servers'
__musher_complete purge -a '(__musher_stories)'

__musher_complete inspect -l server -x -d 'work on the log of a live server'
__musher_complete inspect -l token-file -r -F -d 'what to show that server'
__musher_complete inspect -l at -x -d 'the log as it was'
__musher_complete inspect -l verify -d 'ops: check every signature too'
__musher_complete inspect -l copy -d 'read from a private copy'
__musher_complete inspect -l jsonl -d 'write a line of JSON an op'
__musher_complete inspect -n '__musher_argument 0' -a 'summary stories story ops op authors heads peers quarantine'
__musher_complete inspect -n '__musher_argument 1 story' -a '(__musher_stories)'

__musher_complete replay -l order -x -a 'rowid seq' -d 'in which order to apply the ops'
__musher_complete replay -l at -x -d 'only up to there'
__musher_complete replay -l compare -r -F -a seq -d 'say where another replay differs'
__musher_complete replay -l story -x -a '(__musher_stories)' -d 'list only what concerns this story'
__musher_complete replay -l crypto -x -a 'musher libsodium' -d 'who checks signatures'

__musher_complete sync -s n -l dry-run -d 'say what would be brought over'
__musher_complete sync -l wait -x -d 'how long to wait for live servers'
__musher_complete sync -F

__musher_complete serve -l listen -x -a 127.0.0.1:7777 -d 'where to answer HTTP'
__musher_complete serve -l stdio -d 'answer one MCP client on stdin and stdout'
__musher_complete serve -l read-only -d 'take no writes'
__musher_complete serve -l allow-unconfirmed-purge -d 'let clients purge that cannot ask their user'
__musher_complete serve -l audit-interval -x -a '15m 1h 1d 0' -d 'how often the whole log is audited again'
__musher_complete serve -l log-format -x -a 'text json' -d 'how events are written to stderr'
__musher_complete serve -l token-file -r -F -d 'a line NAME TOKEN for each client'
__musher_complete serve -l allow-host -x -a '(__fish_print_hostnames)' -d 'a name by which clients call this server'
__musher_complete serve -l tls-cert -r -F -d 'answer HTTPS with this certificate'
__musher_complete serve -l tls-key -r -F -d 'its key'
__musher_complete serve -l rendezvous -x -d 'a node to sync with'
__musher_complete serve -l rendezvous-token-file -r -F -d 'what is shown to them'

__musher_complete verify-order -l state -r -F -a none -d 'where the high-water mark is kept'
__musher_complete verify-order -l require-state -d 'end with 4 when there is no state'
__musher_complete verify-order -l full -d 'trust no earlier run'
__musher_complete verify-order -l checks -x -a '(__fish_append , file row signature order author seq trust derived story clock state)' -d 'run only these'
__musher_complete verify-order -l max-duration -x -d 'stop after this long'
__musher_complete verify-order -l crypto -x -a 'musher libsodium' -d 'who checks signatures'
__musher_complete verify-order -l textfile -r -F -d 'write metrics here'
