# limit: 240
# A second opinion on the other ways: Debian's ModemManager registers a stick that has serial ports alone, which NetworkManager then dials over PPP, and a stick
# of MBIM, which it connects by itself. It reads signal and messages of both.
modprobe -a cdc_mbim ppp_generic ppp_async
mkdir -p /run/lock
modem_manager
network_manager

# What both are asked alike: a message of each store, the signal, the operator.
tells() { modem > "$HERE/modem" && grep -qE "$1" "$HERE/modem"; }
read_all() {
    registered
    # Both are asked for some time after it is registered.
    wait_for 60 tells "operator name: Orange"
    wait_for 60 tells "signal quality: [1-9]"
    cat "$HERE/modem"
    modem --messaging-list-sms | tee "$HERE/list"
    mmcli -s "$(grep -o "/org/[^ ]*SMS/[0-9]*" "$HERE/list" | sort | head -n 1)" | tee "$HERE/sms"
    grep -E "text: " "$HERE/sms"
    mmcli -i any | tee "$HERE/sim"
    grep -E "imsi: 001010000000001" "$HERE/sim"
}

plug k3772-modem
found
wait_for 90 known
modem | grep -E "model: K3772"
modem | grep -E "860000000000005"
modem --enable
read_all
nmcli connection add type gsm ifname '*' con-name stick apn orange autoconnect no
nmcli -w 90 connection up stick
nmcli -t -f GENERAL,IP4 device show "$(nmcli -t -f DEVICE,TYPE device | sed -n 's/:gsm$//p')"
same "$(curl -sS -m 20 --interface ppp0 http://198.18.0.1/address)" 10.249.198.122
fetched 4 ppp0 262144
modem | grep -E "state: .*connected"
nmcli -w 60 connection down stick
gone

forgotten() { ! modem > /dev/null 2>&1; }
wait_for 30 forgotten
plug em7455
found
wait_for 90 known
modem | grep -E "model: .*(EM7455|MBIM)"
modem | grep -E "860000000000009"
modem --enable
read_all
modem --simple-connect="apn=orange,ip-type=ipv4v6"
bearer=$(mmcli -m any -K | sed -n 's/^modem.generic.bearers.value\[1\] *: *//p')
mmcli -b "$bearer" | tee "$HERE/bearer"
grep -E "interface: wwan|interface: ww" "$HERE/bearer"
grep -E "address: 10.249.198.122" "$HERE/bearer"
grep -E "address: 2001:db8:" "$HERE/bearer"
modem --simple-disconnect
nmcli -w 90 connection up stick
card "$WHERE"
same "$(curl -sS -m 20 --interface "$CARD" http://198.18.0.1/address)" 10.249.198.122
fetched 6 "$CARD" 262144
nmcli -w 60 connection down stick
nmcli connection delete stick
