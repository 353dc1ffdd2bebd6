# limit: 300
# What staying online tells and heeds on a real system. systemd's journal has each event with its fields, the owner's program hears of each, systemd-resolved (over
# D-Bus, without resolvectl) has the stick's name servers as long as it is online, and a limit ends the connection. Before that: IPv6 alone, and AT commands over
# the control channel.
plug e3372h-stick
found
card "$WHERE"
wait_for 20 compgen -G "/sys/bus/usb/devices/$WHERE:*/ttyUSB*"
echo "# the owner's own" > /etc/resolv.conf
computer > "$HERE/before"

# AT commands over the control channel of NCM, through the kernel's driver.
wdm=/dev/$(basename /sys/bus/usb/devices/"$WHERE":*/usbmisc/cdc-wdm*)
stickshift at AT+CGMM --port "$wdm" | tee "$HERE/model"
grep E3372 "$HERE/model"
stickshift at 'AT+CGDCONT?' --port "$wdm" | grep '"orange"'

# IPv6 alone: no address of the other kind, a file, and nothing left.
stickshift online up "$WHERE" --ip v6 --check none | tee "$HERE/v6"
grep "2001:db8:" "$HERE/v6"
same "$(ip -4 -o addr show dev "$CARD")" ""
fetched 6 "$CARD" 1048576
stickshift online down "$WHERE"
computer | diff "$HERE/before" -

# The journal and systemd-resolved, without a systemd that starts them.
[ -s /etc/machine-id ] || tr -d - < /proc/sys/kernel/random/uuid > /etc/machine-id
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/systemd/journal /run/log/journal
/usr/lib/systemd/systemd-journald > "$HERE/journald" 2>&1 &
wait_for 20 exists /run/systemd/journal/socket
system_bus
getent passwd systemd-resolve > /dev/null || useradd --system systemd-resolve
mkdir -p /run/systemd/resolve
chown systemd-resolve: /run/systemd/resolve
rm -f /usr/bin/resolvectl /sbin/resolvconf
/usr/lib/systemd/systemd-resolved > "$HERE/resolved" 2>&1 &
wait_for 30 exists /run/systemd/resolve/stub-resolv.conf
resolves() { busctl get-property org.freedesktop.resolve1 /org/freedesktop/resolve1 org.freedesktop.resolve1.Manager LLMNRHostname 2> /dev/null; }
wait_for 30 resolves
ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
computer > "$HERE/before"
# Whom systemd-resolved asks through the interface.
asks() { busctl get-property org.freedesktop.resolve1 "$(link)" org.freedesktop.resolve1.Link DNS; }
link() { busctl call org.freedesktop.resolve1 /org/freedesktop/resolve1 org.freedesktop.resolve1.Manager GetLink i "$(cat "/sys/class/net/$CARD/ifindex")" | cut -d'"' -f2; }
same "$(asks)" "a(iay) 0"

printf '%s\n' '#!/bin/sh' 'echo "$1 $STICKSHIFT_PLACE $STICKSHIFT_INTERFACE $STICKSHIFT_DNS" >> "'"$HERE"'/heard"' > "$HERE/hook"
chmod +x "$HERE/hook"
# As systemd starts a service: standard error is the journal's, and the environment says so.
systemd-cat sh -c 'export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2); exec "$@"' sh \
    stickshift online up "$WHERE" --stay --check none --every 5 --limit 2MB --exec "$HERE/hook" &
stay=$!
heard() { grep -c "^$1 $WHERE" "$HERE/heard" 2> /dev/null; }
times() { [ -e "$HERE/heard" ] && [ "$(heard "$1")" -ge "$2" ]; }
wait_for 90 times up 1 || { journalctl --no-pager | tail -n 40; exit 1; }
grep "^up $WHERE $CARD 10.177.0.34 10.161.187.116" "$HERE/heard"
# Another run does not hang up what this one would dial again, and says who it is.
same "$(code stickshift online down "$WHERE" 2> "$HERE/beside")" "exit 4"
grep "another run keeps this stick online" "$HERE/beside"
grep "stickshift (pid [0-9]" "$HERE/beside"
asks | tee "$HERE/asks"
grep " 2 4 10 177 0 34 2 4 10 161 187 116" "$HERE/asks"
same "$(curl -sS -m 20 http://example.org/address | cut -c 1-7)" "2001:db"

echo replug > "$HERE/owner.1"
wait_for 90 times up 2
card "$WHERE"
asks | grep " 2 4 10 177 0 34"
cat "$HERE/heard"
# Each field is there to be searched by.
entries() { journalctl -o json "STICKSHIFT_PLACE=$WHERE" "STICKSHIFT_EVENT=$1" > "$HERE/entries" && [ "$(wc -l < "$HERE/entries")" -ge "$2" ]; }
wait_for 20 entries up 2 || { journalctl --no-pager -n 30; exit 1; }
for field in "\"STICKSHIFT_INTERFACE\":\"$CARD\"" '"STICKSHIFT_WAY":"ncm"' '"STICKSHIFT_ADDRESSES":"10.249.198.1' '"SYSLOG_IDENTIFIER":"stickshift"' '"PRIORITY":"6"'; do
    grep -F "$field" "$HERE/entries"
done
wait_for 20 entries waiting 1

# Two megabytes are enough.
curl -sS -m 60 --interface "$CARD" -o /dev/null http://example.org/bytes/2100000
status=0
wait "$stay" || status=$?
[ "$status" = 15 ] || journalctl --no-pager -n 20
same "$status" 15
no_address() { ! ip -o addr show dev "$CARD" | grep -qE "10\.249|2001:db8"; }
wait_for 20 no_address
same "$(asks)" "a(iay) 0"
stickshift online down "$WHERE"
computer | diff "$HERE/before" -
rm -f /etc/resolv.conf

# Other scenarios of this guest have neither: udev would go on writing to a journal that nobody reads.
pkill -x systemd-journal || true
pkill -x systemd-resolve || true
rm -rf /run/systemd/journal /run/systemd/resolve
