# limit: 250
# The whole soft way over the kernel's own drivers: from the web server behind cdc_ether to serial ports of option, download mode, firmware, and a
# plain modem whose network is huawei_cdc_ncm. No needle.
stickshift rehearse --files "$HERE"
plug e3372h-hilink
found
card "$WHERE"
lease "$CARD"
stickshift --json convert "$WHERE" --to stick --firmware "$HERE/firmware.bin" --webui "$HERE/webui.bin" --no-updates --allow-no-loader --yes > "$HERE/events" 2>&1
tail -n 1 "$HERE/events"
tail -n 1 "$HERE/events" | grep -q '"after":.*"firmware":"21.180.01.00.00"'
grep -q '"web-ports"' "$HERE/events"
stands "$WHERE" 12d1:1506
wait_for 10 compgen -G "/sys/bus/usb/drivers/huawei_cdc_ncm/$WHERE:*"
wait_for 10 compgen -G "/sys/bus/usb/drivers/option/$WHERE:*"
stickshift list
stickshift --json identify "$WHERE" | grep '"value": *"E3372h-153"'
