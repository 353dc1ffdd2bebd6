# limit: 300
# What the pages of the documentation tell their readers to type is typed: each line of a console block that begins with a prompt, in order, in a shell of root.
# Comments of the pages say what the scenario does in between: `<!-- vm: COMMANDS -->`.
modprobe -a ppp_generic ppp_async
mkdir -p /run/lock
own="nameserver 192.0.2.53"
echo "$own" > /etc/resolv.conf
typed=0

in_shell() { bash -euo pipefail -c "$1"; }
page() {
    local kind line
    echo "=== $1"
    while IFS=$'\t' read -r -u 7 kind line; do
        echo "--- $line"
        case $kind in
            vm) eval "$line" ;;
            typed)
                in_shell "$line" < /dev/null
                typed=$((typed + 1))
                ;;
        esac
    done 7< <(awk '
        /^<!-- vm: .* -->$/ { sub(/^<!-- vm: /, ""); sub(/ -->$/, ""); print "vm\t" $0 }
        /^```/ { inside = $0 == "```console" }
        inside && /^[#$] / { print "typed\t" substr($0, 3) }' "$PAGES/$1")
}

at_1_1() {
    found
    same "$WHERE" 1-1
    card "$WHERE"
}

# systemd as the first process of a namespace of its own, in which everything is typed from now on.
with_systemd() {
    local target first="/usr/lib/systemd/systemd --system --unit=basic.target"
    for target in sysinit basic shutdown network-pre multi-user; do
        printf '[Unit]\nDefaultDependencies=no\n' > "/etc/systemd/system/$target.target"
    done
    mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup
    env -i PATH="$PATH" container=vm SYSTEMD_UNIT_PATH=/etc/systemd/system setpriv --pdeathsig KILL \
        unshare --pid --mount --fork --kill-child --mount-proc \
        /usr/lib/systemd/systemd --system --unit=basic.target --log-target=console --show-status=no &
    disown
    runs() { FIRST=$(pgrep -f "^$first" | head -n 1) && [ -n "$FIRST" ] && nsenter -t "$FIRST" -p -m systemctl is-active basic.target; }
    wait_for 60 runs
    in_shell() { nsenter -t "$FIRST" -p -m bash -euo pipefail -c "$1"; }
}
# systemd finds nothing wrong in the unit, knows what it does, and it was waited for.
unit_is_sound() {
    local unit=stickshift-online@1-1.service
    in_shell "systemd-analyze verify --man=no /etc/systemd/system/$unit" 2>&1 | tee "$HERE/verified"
    [ ! -s "$HERE/verified" ]
    in_shell "systemctl show -p StatusText -p Description $unit" | tee "$HERE/shown"
    grep "StatusText=up: 10.249.198.122" "$HERE/shown"
    grep "the stick at 1-1" "$HERE/shown"
    fetched 4 "$CARD" 102400
}
without_systemd() {
    kill -KILL "$FIRST"
    rm -r /etc/systemd/system/*
    in_shell() { bash -euo pipefail -c "$1"; }
    same "$(cat /etc/resolv.conf)" "$own"
}
# The owner of the card gave it the stick's address and a default route with this metric.
owned() {
    has_address() { ip -4 -o addr show dev "$CARD" | grep -q "192.168.8.100/24"; }
    # The kernel has looked whether the address of the link is anybody else's.
    has_link_address() { ip -6 -o addr show dev "$CARD" | grep -v tentative | grep -q fe80; }
    wait_for 30 has_address
    wait_for 30 has_link_address
    same "$(ip route show default dev "$CARD" | sed -n 's/.* metric \([0-9]*\).*/\1/p')" "$1"
    computer > "$HERE/owned"
}
left_alone() { computer | diff "$HERE/owned" -; }
network_manager_runs() {
    system_bus
    network_manager
    answers() { nmcli -t general > /dev/null 2>&1; }
    wait_for 60 answers
}
network_manager_ends() {
    nmcli connection delete stickshift-enx0c5b8f279a64
    pkill -x NetworkManager
    ended() { ! pgrep -x NetworkManager > /dev/null; }
    wait_for 20 ended
    echo "$own" > /etc/resolv.conf
}
networkd_runs() {
    getent passwd systemd-network > /dev/null || useradd --system systemd-network
    mkdir -p /run/systemd/netif/{links,leases,lldp}
    chown -R systemd-network /run/systemd/netif
    /usr/lib/systemd/systemd-networkd > "$HERE/networkd.log" 2>&1 &
    NETWORKD=$!
    answers() { networkctl list > /dev/null 2>&1; }
    wait_for 60 answers
}
networkd_ends() {
    kill "$NETWORKD"
    wait "$NETWORKD" || true
    rm /etc/systemd/network/*stickshift*
}
udev_is_asked() { udevadm control --ping; }
rack() {
    plug e3372h-hilink --count 2
    wait_for 60 shows 12d1:14dc
    both() { [ "$(bus | grep -c 12d1:14dc)" = 2 ]; }
    wait_for 60 both
    plug e3372h-stick --seed 3 --count 2
    all() { [ "$(ls -d /sys/class/net/stick1-[1-4] | wc -l)" = 4 ]; }
    wait_for 60 all
    udevadm settle
    computer > "$HERE/before"
}

page online-debian.md
page ten-sticks.md
computer > "$HERE/after"
diff "$HERE/before" "$HERE/after"
rm /etc/udev/rules.d/*stickshift*
udevadm control --reload
echo "$typed lines were typed"
[ "$typed" -gt 30 ]
