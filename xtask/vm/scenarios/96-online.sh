# limit: 600
# `online up` by each way on the kernel's own drivers: a file comes whole by IPv4 and where there is IPv6, and `online down` leaves addresses, routes, rules,
# resolver and stick as they were found.
modprobe -a cdc_mbim ppp_generic ppp_async
mkdir -p /run/lock
echo "# the owner's own" > /etc/resolv.conf

# WAY FAMILIES SIZE [option..]: online with the stick at $WHERE and back.
there_and_back() {
    local way=$1 families=$2 size=$3 interface family
    shift 3
    computer > "$HERE/before"
    stickshift online up "$WHERE" "$@" | tee "$HERE/online"
    interface=$(sed -n 's/^online over .* on //p' "$HERE/online")
    grep "^online over $way on " "$HERE/online"
    stickshift online status "$WHERE"
    for family in $families; do
        fetched "$family" "$interface" "$size"
    done
    stickshift online down "$WHERE"
    computer > "$HERE/after"
    diff "$HERE/before" "$HERE/after"
    stickshift online down "$WHERE"
}

plug e3372h-stick
found
card "$WHERE"
wait_for 20 compgen -G "/sys/bus/usb/devices/$WHERE:*/ttyUSB*"
stickshift at 'AT+CGDCONT?' --stick "$WHERE" > "$HERE/contexts"
there_and_back ncm "4 6" 10485760
there_and_back ppp "4 6" 10485760 --way ppp
# A router: its kernel takes no router advertisement unless it is told to do so all the same.
sysctl -w net.ipv6.conf.all.forwarding=1 > /dev/null
same "$(cat "/proc/sys/net/ipv6/conf/$CARD/forwarding")" 1
there_and_back ncm "4 6" 65536
sysctl -w net.ipv6.conf.all.forwarding=0 > /dev/null
stickshift at 'AT+CGDCONT?' --stick "$WHERE" | diff "$HERE/contexts" -
gone

plug e3372h-hilink
found
card "$WHERE"
there_and_back hilink 4 10485760
gone

plug em7455
found
wait_for 20 exists /dev/cdc-wdm0
card "$WHERE"
there_and_back mbim "4 6" 10485760
gone

plug sequans-a000
found
stickshift switch "$WHERE"
stands "$WHERE" 148e:a000
card "$WHERE"
there_and_back ecm 4 10485760
gone

plug mf823-rndis
found
card "$WHERE"
same "$(basename "$(readlink "/sys/class/net/$CARD/device/driver")")" rndis_host
there_and_back ecm 4 10485760
