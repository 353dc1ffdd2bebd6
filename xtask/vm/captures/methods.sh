# limit: 600
# One capture for each method: what usbmon sees of a stick from plugging in to the end of its switch. They go to captures/ in the shared
# folder, with an index: file, ids before, ids after, profile.
# udev's questions to every drive would make them long.
pkill -x systemd-udevd || true
out=/run/vm/captures
mkdir -p "$out"
echo "# file, ids before, ids after (the same where only the interfaces change), the profile that switched it" > "$out/index.tsv"
while read -r name before after; do
    rm -f "$HERE"/raw
    RACKS=()
    rm -f "$HERE"/owner.1
    bash -c 'until [ -s "$0" ]; do sleep 0.05; done' "$HERE/raw" &
    begun=$!
    dumpcap -q -i usbmon1 -s 320 -w "$HERE/raw" 2> "$HERE/dumpcap" &
    dumpcap=$!
    wait "$begun"
    sleep 0.5
    plug "$name"
    found
    sleep 1
    stickshift --json switch "$WHERE" > "$HERE/switch" 2>&1 || { cat "$HERE/switch"; false; }
    sleep 0.7
    kill -INT "$dumpcap"
    wait "$dumpcap" || true
    profile=$(sed -n 's/.*"profile":"\([^"]*\)".*/\1/p' "$HERE/switch" | head -n 1)
    file=$(sed "s|[^A-Za-z0-9]\+|-|g" <<< "$profile")-${before/:/-}.pcapng.gz
    gzip -9 -n -c "$HERE/raw" > "$out/$file"
    printf '%s\t%s\t%s\t%s\n' "$file" "$before" "$after" "$profile" >> "$out/index.tsv"
    kill "${RACKS[0]}"
    wait "${RACKS[0]}" || true
    wait_for 10 empty
done <<'TABLE'
k3772 12d1:1526 12d1:14cf
huawei-e180 12d1:1414 12d1:1414
huawei-u7510 12d1:101e 12d1:101e
zte-2000 19d2:2000 19d2:0031
novatel-5010 1410:5010 1410:4100
option-6711 0af0:6711 0af0:6711
sierra-0fff 1199:0fff 1199:6832
sony-md400 0fce:d0e1 0fce:d0e1
gct-7f40 1076:7f40 1076:7f00
kobil-45a1 0d46:45a1 0d46:45a9
sequans-a000 148e:a000 148e:a000
mobile-action 0df7:0800 0df7:0800
cisco-am10 1307:1169 13b1:0031
qisda-h21 1da5:f000 1da5:4512
quanta-f000 0408:f000 0408:ea03
blackberry 0fca:8020 0fca:8012
pantech-6080 10a9:6080 10a9:6085
tct-f000 1bbb:f000 1bbb:0017
longcheer-f000 1c9e:f000 1c9e:9603
dlink-a80b 2001:a80b 2001:7d00
two-messages 201e:1023 201e:1022
d-link-7600 2001:7600 2001:7600
TABLE
/usr/lib/systemd/systemd-udevd --daemon
