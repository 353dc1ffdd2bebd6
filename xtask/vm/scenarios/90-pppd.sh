# limit: 240
# The system's pppd dials a virtual stick through the option driver: address, name servers, IPv6, an orderly end, and a wrong password.
mkdir -p /run/lock
modprobe -a ppp_generic ppp_async
plug e3372h-stick
found
wait_for 20 exists /dev/ttyUSB0
dial="noauth noipdefault nodefaultroute usepeerdns noccp novj local lcp-echo-interval 10 lcp-echo-failure 5 maxfail 1"
chat() { echo "chat -s -v ABORT ERROR ABORT 'NO CARRIER' '' ATE0 OK 'AT+CGDCONT=1,\"$1\",\"$2\"' OK 'ATD*99#' CONNECT"; }
ended() { ! kill -0 "$1" 2>/dev/null; }

pppd /dev/ttyUSB0 115200 nodetach $dial +ipv6 debug connect "$(chat IPV4V6 internet)" > "$HERE/up.log" 2>&1 &
pppd=$!
wait_for 60 grep -q "local  IP address" "$HERE/up.log"
wait_for 20 grep -q "local  LL address" "$HERE/up.log"
cat "$HERE/up.log"
grep "local  IP address 10.249.198.122" "$HERE/up.log"
grep "remote IP address 10.64.64.64" "$HERE/up.log"
grep "primary   DNS address 10.177.0.34" "$HERE/up.log"
grep "secondary DNS address 10.161.187.116" "$HERE/up.log"
# Packets: an echo, and a page of both families from the operator's network.
ip route add default dev ppp0
busybox ping -c 2 -W 10 198.18.0.1
page 198.18.0.1 /bytes/300000 > "$HERE/page.bin"
same "$(wc -c < "$HERE/page.bin")" 300000
same "$(tail -c 8 "$HERE/page.bin")" 0037499
kill "$pppd"
wait "$pppd" || true
# The port takes commands again.
stickshift at ATI --stick "$WHERE" | grep 21.180.01.00.00

# An access point that wants a password: the right one, by either method, and a wrong one.
login() {
    printf '"user" * "%s" *\n' "$1" > /etc/ppp/chap-secrets
    cp /etc/ppp/chap-secrets /etc/ppp/pap-secrets
    shift
    pppd /dev/ttyUSB0 115200 nodetach $dial user user "$@" connect "$(chat IP secured)" > "$HERE/login.log" 2>&1 &
    pppd=$!
}
for method in refuse-pap refuse-chap; do
    login secret $method
    wait_for 60 grep -q "local  IP address" "$HERE/login.log"
    kill "$pppd"
    wait "$pppd" || true
    login guess $method
    wait_for 60 ended "$pppd"
    cat "$HERE/login.log"
    same "$(code wait "$pppd")" "exit 19"
done

# A stick that is pulled: pppd ends with 16, the modem hung up.
login secret
wait_for 60 grep -q "local  IP address" "$HERE/login.log"
kill "${RACKS[0]}"
wait_for 30 ended "$pppd"
same "$(code wait "$pppd")" "exit 16"
