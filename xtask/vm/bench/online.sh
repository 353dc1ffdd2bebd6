# limit: 1500
# From `online up` to the first packet beside ModemManager with NetworkManager, and beside wvdial: the same stick in the same guest. Then what each of them costs
# while it stays online and nothing happens. Each line of figures.tsv: what, whose, number.
figures=/run/vm/figures.tsv
: > "$figures"
ROUNDS=${ROUNDS:-5}
figure() { printf '%s\t%s\t%s\n' "$@" | tee -a "$figures"; }
modprobe -a ppp_generic ppp_async
mkdir -p /run/lock
: > /etc/resolv.conf

# What the virtual network takes to answer a call, whoever calls: what is beyond it is the dialler's own.
DIALLING=2

# A packet has passed, there and back. Nothing is started for it: the processor is measured, too.
passes() { (exec 3<> /dev/tcp/198.18.0.1/80) 2> /dev/null; }
mkfifo "$HERE/never"
exec 9<> "$HERE/never"
# WHAT WHOSE COMMAND..: seconds from its start until a packet has passed, which may be before it has ended.
timed() {
    local what=$1 whose=$2 begin command took
    shift 2
    begin=$EPOCHREALTIME
    "$@" > "$HERE/out" 2>&1 &
    command=$!
    until passes || ! kill -0 "$command" 2> /dev/null; do read -r -t 0.03 -u 9 || true; done
    wait_for 30 passes || { cat "$HERE/out"; return 1; }
    took=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }')
    figure "$what" "$whose" "$took"
    figure "of these, beyond the network's $DIALLING s: ${what#*packet }" "$whose" "$(awk -v t="$took" -v d="$DIALLING" 'BEGIN { printf "%.2f", t - d }')"
    wait "$command" || { cat "$HERE/out"; return 1; }
    figure "${what/to the first packet/to the end of the command}" "$whose" \
        "$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }')"
}
fresh() {
    plug e3372h-stick --quick
    found
    card "$WHERE"
    wait_for 20 compgen -G "/sys/bus/usb/devices/$WHERE:*/ttyUSB*"
}
online() { stickshift online up "$WHERE" --check none "$@"; }

fresh
online; passes
stickshift online down "$WHERE"
for _ in $(seq "$ROUNDS"); do
    timed "from up to the first packet over NCM, s" ours online
    stickshift online down "$WHERE" > /dev/null
done
for _ in $(seq "$ROUNDS"); do
    timed "from up to the first packet over PPP, s" ours online --way ppp
    stickshift online down "$WHERE" > /dev/null
done
gone

# The processor's time and the wakings of processes over a minute in which nothing happens: WHOSE PID..
idle() {
    local whose=$1 minutes=1 before
    shift
    spent() { cat $(printf '/proc/%s/task/*/schedstat ' "$@") | awk '{ n += $1 } END { printf "%.3f", n / 1e9 }'; }
    woken() { cat $(printf '/proc/%s/task/*/status ' "$@") | awk '/^voluntary_ctxt_switches/ { n += $2 } END { print n }'; }
    before=("$(spent "$@")" "$(woken "$@")")
    sleep $((60 * minutes))
    figure "processor time of a minute online, s" "$whose" "$(awk -v a="${before[0]}" -v b="$(spent "$@")" -v m=$minutes 'BEGIN { printf "%.4f", (b - a) / m }')"
    figure "wakings of a minute online" "$whose" $((($(woken "$@") - before[1]) / minutes))
    figure "resident memory while online, kB" "$whose" "$(cat $(printf '/proc/%s/status ' "$@") | awk '/^VmRSS/ { n += $2 } END { print n }')"
}

fresh
stickshift online up "$WHERE" --stay --check none > "$HERE/stay" 2>&1 &
stay=$!
wait_for 60 grep -q "^up" "$HERE/stay"
sleep 5
idle ours "$stay"
kill "$stay"
wait "$stay" || true
stickshift online down "$WHERE"
gone

modem_manager
network_manager 'dns=none'
begin=$EPOCHREALTIME
fresh
ours_begin=$EPOCHREALTIME
wait_for 90 known
nmcli connection add type gsm ifname '*' con-name stick apn internet autoconnect no
managed() { nmcli -t device | grep -q gsm; }
wait_for 60 managed
modem --enable
registered
figure "from ports to a modem that ModemManager knows, s" ModemManager "$(awk -v a="$ours_begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }')"
nmcli -w 90 connection up stick && wait_for 30 passes
nmcli -w 60 connection down stick
for _ in $(seq "$ROUNDS"); do
    timed "from up to the first packet over NCM, s" "ModemManager and NetworkManager" nmcli -w 90 connection up stick
    nmcli -w 60 connection down stick > /dev/null
done
nmcli -w 90 connection up stick
idle ModemManager "$(pgrep -x ModemManager)"
idle "ModemManager and NetworkManager" "$(pgrep -x ModemManager)" "$(pgrep -x NetworkManager)"
nmcli -w 60 connection down stick
gone

pkill -x NetworkManager
pkill -x ModemManager
ended() { ! pgrep -x 'NetworkManager|ModemManager' > /dev/null; }
wait_for 20 ended
fresh
cat > "$HERE/wvdial.conf" <<CONF
[Dialer Defaults]
Modem = /dev/ttyUSB0
Baud = 115200
Init1 = ATZ
Init2 = AT+CGDCONT=1,"IP","internet"
Phone = *99#
Username = user
Password = secret
Stupid Mode = yes
Auto DNS = off
CONF
dialled_or_dead() { has_ppp0 || ! kill -0 "$wvdial" 2> /dev/null; }
dialled() {
    # On processors with large registers it overruns its own small stacks.
    GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F,-AVX2,-XSAVE,-XSAVEC,-ERMS wvdial --config "$HERE/wvdial.conf" > "$HERE/wvdial" 2>&1 &
    wvdial=$!
    echo "$wvdial" > "$HERE/wvdial.pid"
    has_ppp0() { ip -4 -o addr show dev ppp0 2> /dev/null | grep -q inet; }
    wait_for 60 dialled_or_dead
    has_ppp0 || return 1
    ip route replace default dev ppp0
}
for _ in $(seq "$ROUNDS"); do
    timed "from up to the first packet over PPP, s" wvdial dialled || { cat "$HERE/wvdial"; break; }
    kill "$(cat "$HERE/wvdial.pid")"
    no_wvdial() { ! pgrep -x wvdial > /dev/null; }
    wait_for 30 no_wvdial
    no_ppp0() { ! ip link show ppp0 > /dev/null 2>&1; }
    wait_for 20 no_ppp0
done
