# limit: 240
# A second opinion: Debian's ModemManager finds an NCM stick, registers and connects; then NetworkManager brings the same stick up by itself.
system_bus
ModemManager > "$HERE/mm.log" 2>&1 &
plug e3372h-stick
found
modem() { mmcli -m any "$@"; }
known() { modem > "$HERE/modem" 2>&1; }
wait_for 90 known
cat "$HERE/modem"
grep -E "manufacturer: huawei" "$HERE/modem"
grep -E "model: E3372" "$HERE/modem"
grep -E "860000000000001" "$HERE/modem"
modem --enable
registered() { modem > "$HERE/modem"; grep -qE "state: .*(registered|connected)" "$HERE/modem"; }
wait_for 60 registered
cat "$HERE/modem"
grep -E "operator name: Orange" "$HERE/modem"
modem --messaging-list-sms
modem --simple-connect="apn=orange,ip-type=ipv4"
modem | tee "$HERE/modem"
grep -E "state: .*connected" "$HERE/modem"
bearer=$(mmcli -m any -K | sed -n 's/^modem.generic.bearers.value\[1\] *: *//p')
mmcli -b "$bearer" | tee "$HERE/bearer"
grep -E "method: static" "$HERE/bearer"
grep -E "address: 10.249.198.122" "$HERE/bearer"
grep -E "gateway: 10.249.198.121" "$HERE/bearer"
grep -E "dns: 10.177.0.34, 10.161.187.116" "$HERE/bearer"
card "$WHERE"
busybox ip link set "$CARD" up
busybox ip addr add 10.249.198.122/30 dev "$CARD"
busybox ip route add default via 10.249.198.121 dev "$CARD"
same "$(curl -sS -m 20 http://198.18.0.1/address)" 10.249.198.122
modem --simple-disconnect
if curl -sS -m 3 http://198.18.0.1/address; then echo "a way without a bearer"; exit 1; fi
busybox ip addr flush dev "$CARD"
busybox ip link set "$CARD" down

printf '[main]\nplugins=keyfile\nauth-polkit=false\n[connectivity]\nenabled=true\nuri=http://network-test.example/nm\ninterval=20\n' > /etc/NetworkManager/NetworkManager.conf
NetworkManager --debug > "$HERE/nm.log" 2>&1 &
managed() { nmcli -t device | grep gsm; }
wait_for 60 managed
nmcli connection add type gsm ifname '*' con-name stick apn orange autoconnect no
nmcli -w 60 connection up stick
nmcli device show "$(nmcli -t -f DEVICE,TYPE device | sed -n 's/:gsm$//p')"
same "$(curl -sS -m 20 http://198.18.0.1/address)" 10.249.198.122
full() { nmcli networking connectivity check | grep -q full; }
wait_for 30 full
nmcli -w 60 connection down stick
