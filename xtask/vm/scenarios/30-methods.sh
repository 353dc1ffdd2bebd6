# limit: 300
# At least one stick for each method of switching, eight at a time: each is switched by a `switch` of its own, and judged by what the
# bus shows at its place. Sticks that keep their ids are told by what their first interface becomes.
# NAME, ids before, ids after, class of the first interface after, and a profile where the catalogue has none.
failed=0
names=() befores=() afters=() classes=() profiles=()

batch() {
    local i where=()
    RACKS=()
    rm -f "$HERE"/*
    for i in "${!names[@]}"; do
        plug "${names[i]}"
        found
        where[i]=$WHERE
        stands "${where[i]}" "${befores[i]}"
    done
    local switches=()
    for i in "${!names[@]}"; do
        local profile=()
        if [ -n "${profiles[i]}" ]; then
            printf '# %s\nDefaultVendor=0x%s\nDefaultProduct=0x%s\n%s\n' "${names[i]}" \
                "${befores[i]%:*}" "${befores[i]#*:}" "${profiles[i]//;/$'\n'}" > "$HERE/profile.$i"
            profile=(--profile "$HERE/profile.$i")
        fi
        stickshift --json switch "${where[i]}" "${profile[@]}" > "$HERE/switch.$i" 2>&1 &
        switches[i]=$!
    done
    for i in "${!names[@]}"; do
        local status=0 class=none
        wait "${switches[i]}" || status=$?
        local interfaces=(/sys/bus/usb/devices/"${where[i]}":*)
        read -r class < "${interfaces[0]}/bInterfaceClass" || true
        if [ "$status" = 0 ] && stands "${where[i]}" "${afters[i]}" && [ "$class" = "${classes[i]}" ]; then
            echo "${names[i]} at ${where[i]}: ${befores[i]} became ${afters[i]} ($class)"
        else
            echo "${names[i]} at ${where[i]}: FAILED, exit $status, class $class, wanted ${afters[i]} (${classes[i]})"
            bus
            cat "$HERE/switch.$i"
            failed=1
        fi
    done
    kill "${RACKS[@]}"
    wait "${RACKS[@]}" || true
    wait_for 10 empty
    names=() befores=() afters=() classes=() profiles=()
}

while read -r name before after class profile; do
    names+=("$name") befores+=("$before") afters+=("$after") classes+=("$class") profiles+=("$profile")
    if [ ${#names[@]} = 8 ]; then batch; fi
done <<'TABLE'
k3772 12d1:1526 12d1:14cf ff
e3372h-cd 12d1:1f01 12d1:14dc 02
e3372s-cd 12d1:14fe 12d1:1506 ff
e3276-cd 12d1:14fe 12d1:1506 ff
e3276-dual-cd 12d1:14fe 12d1:1506 ff
e398-cd 12d1:14fe 12d1:1506 ff
e3372h-stick-cd 12d1:14fe 12d1:1506 ff
huawei-e180 12d1:1414 12d1:1414 ff
huawei-u7510 12d1:101e 12d1:101e ff
zte-2000 19d2:2000 19d2:0031 ff
novatel-5010 1410:5010 1410:4100 ff
nokia-cs15 0421:0610 0421:0612 ff
option-6711 0af0:6711 0af0:6711 ff
sierra-0fff 1199:0fff 1199:6832 ff
sony-md400 0fce:d0e1 0fce:d0e1 02
gct-7f40 1076:7f40 1076:7f00 ff
kobil-45a1 0d46:45a1 0d46:45a9 ff
sequans-a000 148e:a000 148e:a000 02
mobile-action 0df7:0800 0df7:0800 ff
cisco-am10 1307:1169 13b1:0031 ff
qisda-h21 1da5:f000 1da5:4512 ff
quanta-f000 0408:f000 0408:ea03 ff
blackberry 0fca:8020 0fca:8012 ff
pantech-6080 10a9:6080 10a9:6085 ff
tct-f000 1bbb:f000 1bbb:0017 ff
longcheer-f000 1c9e:f000 1c9e:9603 ff
dlink-a80b 2001:a80b 2001:7d00 ff
two-messages 201e:1023 201e:1022 ff
d-link-7600 2001:7600 2001:7600 ff
samsung-u209 04e8:f000 04e8:6601 ff
huawei-unknown 12d1:1ffe 12d1:1506 ff
me906 12d1:15c1 12d1:15c1 02
alternate-setting ffff:0001 ffff:0002 ff AltSetting=1
port-reset ffff:0011 ffff:0012 ff MessageContent="55534243123456780000000000000011062000000100000000000000000000";ResetUSB=1
TABLE
batch

# Where detaching is all that is asked for, the stick stays what it is and its drive has no driver.
RACKS=()
rm -f "$HERE"/*
plug k3772
found
wait_for 10 exists "/sys/bus/usb/devices/$WHERE:1.0/driver"
printf 'DefaultVendor=0x12d1\nDefaultProduct=0x1526\nDetachStorageOnly=1\n' > "$HERE/profile"
stickshift switch "$WHERE" --profile "$HERE/profile" || failed=1
stands "$WHERE" 12d1:1526
if exists "/sys/bus/usb/devices/$WHERE:1.0/driver"; then failed=1; fi
exit $failed
