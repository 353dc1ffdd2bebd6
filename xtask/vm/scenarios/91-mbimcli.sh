# limit: 240
# The real cdc_mbim binds to a virtual stick that is MBIM alone; mbimcli and our own verbs read it over /dev/cdc-wdm0.
modprobe cdc_mbim
plug em7455
found
wait_for 20 exists /dev/cdc-wdm0
same "$(basename "$(readlink "/sys/bus/usb/devices/$WHERE:1.0/driver")")" cdc_mbim
ask() { mbimcli -d /dev/cdc-wdm0 "$@" | tee "$HERE/told" || { cat "$HERE/told"; return 1; }; }

ask --query-device-caps
grep "Device ID: '860000000000009'" "$HERE/told"
grep "Firmware info: 'SWI9X30C_02.33.03.00'" "$HERE/told"
grep "Max sessions: '1'" "$HERE/told"
ask --query-subscriber-ready-status
grep "Ready state: 'initialized'" "$HERE/told"
grep "SIM ICCID: '8900000000000000001'" "$HERE/told"
ask --query-pin-state
grep "PIN state: 'unlocked'" "$HERE/told"
grep "Remaining attempts: '3'" "$HERE/told"
ask --query-pin-list
ask --query-radio-state
ask --set-radio-state=off
grep "Software radio state: 'off'" "$HERE/told"
ask --set-radio-state=on
grep "Software radio state: 'on'" "$HERE/told"
ask --register-automatic
ask --attach-packet-service
ask --query-home-provider
grep "Provider ID: '20801'" "$HERE/told"
ask --query-registration-state
grep "Register state: 'home'" "$HERE/told"
grep "Provider name: 'Orange'" "$HERE/told"
ask --query-signal-state
grep "RSSI \[0-31,99\]: '20'" "$HERE/told"
ask --query-packet-service-state
grep "Packet service state: 'attached'" "$HERE/told"
ask --query-device-services
grep "Service: 'basic-connect'" "$HERE/told"
grep "Service: 'sms'" "$HERE/told"
ask --query-visible-providers
grep "Provider ID: '20820'" "$HERE/told"

# A connection, and its addresses. It ends when the function is closed.
ask --connect=access-string=internet,ip-type=ipv4v6 --no-close
grep "Activation state: 'activated'" "$HERE/told"
ask --no-open=20 --query-ip-configuration --no-close
grep "IP \[0\]: '10.249.198.122/30'" "$HERE/told"
grep "Gateway: '10.249.198.121'" "$HERE/told"
grep "DNS \[0\]: '10.177.0.34'" "$HERE/told"
# Packets through the kernel's network card.
ip link set wwan0 up
ip addr add 10.249.198.122/30 dev wwan0
ip route add default dev wwan0
busybox ping -c 2 -W 10 198.18.0.1
page 198.18.0.1 /bytes/1000000 > "$HERE/page.bin"
same "$(wc -c < "$HERE/page.bin")" 1000000
same "$(tail -c 8 "$HERE/page.bin")" 0124999
# What our verbs do in between leaves it as it is.
stickshift signal --stick "$WHERE" | grep "Orange  LTE  registered  RSSI -73.0 dBm"
ask --no-open=40 --query-connection-state --no-close
grep "Activation state: 'activated'" "$HERE/told"
ask --no-open=50 --query-packet-statistics --no-close
received=$(sed -n "s/.*Octets (in): '\([0-9]*\)'.*/\1/p" "$HERE/told")
[ "$received" -gt 1000000 ]
ask --no-open=60 --disconnect
grep "Activation state: 'deactivated'" "$HERE/told"

# The same by our own verbs.
stickshift list
stickshift identify "$WHERE" | tee "$HERE/identity"
grep "SWI9X30C_02.33.03.00" "$HERE/identity"
stickshift sms list --stick "$WHERE" | grep Hello
stickshift sms send +33123456789 Hello --stick "$WHERE" --yes
stickshift pin status --stick "$WHERE" | grep "tries left: PIN 3"
stickshift network show --stick "$WHERE"
stickshift ussd '*100#' --stick "$WHERE" | grep "Balance: 12.34 EUR"

# Whoever holds the channel is named.
mbimcli -d /dev/cdc-wdm0 --query-visible-providers > /dev/null &
holder=$!
holds() { [ -n "$(find /proc/$holder/fd -lname /dev/cdc-wdm0 2>/dev/null)" ]; }
wait_for 10 holds
code stickshift signal --stick "$WHERE" > "$HERE/busy" 2>&1
cat "$HERE/busy"
grep "held by mbimcli" "$HERE/busy"
grep "exit 4" "$HERE/busy"
wait $holder
