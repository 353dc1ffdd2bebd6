# limit: 120
# An NCM stick online with the guest's own tools: nothing passes before the bearer is up, the address is the one of ^DHCP, a file comes
# whole by IPv4 and by IPv6, and nothing passes after hanging up. AT commands go over the tty, then over the control channel.
plug e3372h-stick
found
card "$WHERE"
wait_for 20 compgen -G "/sys/bus/usb/devices/$WHERE:*/ttyUSB*"
same "$(basename "$(readlink "/sys/class/net/$CARD/device/driver")")" huawei_cdc_ncm
tty=$(ls -d /sys/bus/usb/devices/"$WHERE":1.0/ttyUSB*)
tty=/dev/${tty##*/}
at() { stickshift at "$1" --port "$tty"; }
up() { at 'AT^NDISSTATQRY?' | tee "$HERE/state" | grep -q "NDISSTATQRY: 1,,,\"IPV4\",1,,,\"IPV6\""; }
seen_as() { curl -sS -m 10 "-$1" http://example.org/address; }

busybox ifconfig "$CARD" up
if busybox udhcpc -i "$CARD" -f -n -q -t 2 -T 1 -s /bin/true; then echo "an address without a bearer"; exit 1; fi
at 'AT+CGDCONT=1,"IPV4V6","orange"'
at 'AT^NDISDUP=1,1,"orange"'
wait_for 20 up
at 'AT^DHCP?' | tee "$HERE/dhcp" | grep "7AC6F90A,FCFFFFFF,79C6F90A"
lease "$CARD"
same "$(cat "$HERE/lease.$CARD")" "10.249.198.122 255.255.255.252 10.249.198.121 10.177.0.34 10.161.187.116"
busybox route add default gw 10.249.198.121 dev "$CARD"
echo "nameserver 10.177.0.34" > /etc/resolv.conf
busybox ping -c 2 -W 5 8.8.8.8
busybox nslookup example.org 10.177.0.34
same "$(seen_as 4)" 10.249.198.122
sysctl -w "net.ipv6.conf.$CARD.accept_ra=2" > /dev/null
has_ipv6() { busybox ip -6 addr show dev "$CARD" | grep "2001:db8:"; }
wait_for 20 has_ipv6
same "$(seen_as 6 | cut -c 1-9)" 2001:db8:
for family in 4 6; do fetched "$family" "$CARD" 1048576; done
wdm=$(basename /sys/bus/usb/devices/"$WHERE":*/usbmisc/cdc-wdm*)
timeout 10 bash -c 'exec 4<>"/dev/$0"; printf "AT+CGMM\r" >&4; grep -m 1 E3372 <&4' "$wdm"
at 'AT^NDISDUP=1,0'
if busybox ping -c 1 -W 2 8.8.8.8; then echo "a way without a bearer"; exit 1; fi
