# limit: 240
# The unit that `setup systemd` writes, run by systemd with every restriction in it, switches a stick. systemd is the first process of a
# namespace of its own, and knows no other units than these.
units=$HERE/etc/systemd/system
mkdir -p "$units"
stickshift setup systemd --print > "$units/stickshift.service"
for target in sysinit basic shutdown; do
    printf '[Unit]\nDefaultDependencies=no\n' > "$units/$target.target"
done
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup
# It ends with this shell, which is not to wait for it: unshare does not hear SIGTERM.
env -i PATH="$PATH" container=vm SYSTEMD_UNIT_PATH="$units" setpriv --pdeathsig KILL \
    unshare --pid --mount --fork --kill-child --mount-proc \
    /usr/lib/systemd/systemd --system --unit=stickshift.service --log-target=console --show-status=no &
disown
# What it is called is not enough: a shell that starts it has its name in its words, too.
daemon() {
    local exe
    for exe in /proc/[0-9]*/exe; do
        DAEMON=${exe#/proc/}
        DAEMON=${DAEMON%/exe}
        [ "$(readlink "$exe")" = /usr/local/bin/stickshift ] &&
            [ "$(tr '\0' ' ' < "/proc/$DAEMON/cmdline")" = "/usr/local/bin/stickshift watch " ] && return
    done
    return 1
}
wait_for 90 daemon
status() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$DAEMON/status"; }
cat "/proc/$DAEMON/cgroup" "/proc/$DAEMON/status"
# No capability can be had again, system calls are filtered, and its folders are not those of the others.
same "$(status CapBnd)" 0000000000000000
same "$(status CapEff)" 0000000000000000
same "$(status Seccomp)" 2
same "$(status NoNewPrivs)" 1
[ "$(readlink "/proc/$DAEMON/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]
same "$(cat "/sys/fs/cgroup$(cut -d: -f3 "/proc/$DAEMON/cgroup")/memory.max")" $((32 << 20))

plug k3772
wait_for 60 shows 12d1:14cf
# It was this process, and it goes on.
before=$DAEMON
daemon
same "$DAEMON" "$before"
kill "${RACKS[-1]}"
wait_for 20 empty
plug k3772
wait_for 60 shows 12d1:14cf
