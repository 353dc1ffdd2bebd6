# limit: 150
# HiLink firmware is a network card with a router behind it: an address by DHCP, the web server through the kernel's own network, serial ports on
# request.
plug e3372h-hilink
found
card "$WHERE"
lease "$CARD"
same "$(cat "$HERE/lease.$CARD")" "192.168.8.100 255.255.255.0 192.168.8.1 192.168.8.1"
stickshift list
stickshift hilink status --stick "$WHERE"
stickshift --json identify "$WHERE" > "$HERE/identity"
grep -q '"value": *"E3372h"' "$HERE/identity"
grep -q '"value": *"22.200.15.00.00"' "$HERE/identity"
stickshift sms list --stick "$WHERE" | grep "Hello"
basename "$(readlink "/sys/class/net/$CARD/device/driver")" | grep cdc_ether

stickshift --json switch "$WHERE" --to serial
stands "$WHERE" 12d1:1442
stickshift at AT^HWVER --stick "$WHERE" | grep CL2E3372HM
# It is a network card still, with the same web server.
card "$WHERE"
lease "$CARD"
stickshift hilink info --stick "$WHERE" | grep 22.200.15.00.00
