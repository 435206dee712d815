# Runs PostgreSQL ("$@") for exactly as long as the program that started this script lives.
#
# Standard input is a pipe whose other end only that program holds. The pipe closes when the program
# ends, however it ends, kill -9 included; then the server is asked for a fast shutdown (SIGINT), and
# for an immediate one (SIGQUIT, recovered from at the next start) if it has not ended in 30 seconds.
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
trap '' HUP INT TERM
{
    read -r _ <&3
    kill -INT "$server"
    waited=0
    while [ "$waited" -lt 30 ] && kill -0 "$server"; do
        sleep 1
        waited=$((waited + 1))
    done
    kill -QUIT "$server"
} >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$server"
status=$?
kill -KILL "$watcher" 2>/dev/null
exit "$status"
