# limit: 150
# Two E3372h at once: the same Ethernet address, the same network, the same router address. Their places tell them apart.
plug e3372h-hilink
found
first=$WHERE
plug e3372h-hilink-closed
found
second=$WHERE
for place in "$first" "$second"; do
    card "$place"
    lease "$CARD"
    cat "/sys/class/net/$CARD/address"
done | tee "$HERE/cards"
same "$(grep -c 0c:5b:8f:27:9a:64 "$HERE/cards")" 2
stickshift list
for round in 1 2; do
    stickshift --json identify "$first" | grep '"value": *"22.200.15.00.00"'
    stickshift --json identify "$second" | grep '"value": *"22.333.01.00.00"'
done
stickshift switch "$first" --to serial
stands "$first" 12d1:1442
stands "$second" 12d1:14dc
stickshift --json identify "$second" | grep '"value": *"22.333.01.00.00"'
