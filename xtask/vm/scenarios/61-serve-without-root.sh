# limit: 90
# `serve --watch` needs no root: after `setup udev` a user of the group serves the page and switches what is plugged in, in one process.
groupadd -f plugdev 2>/dev/null || true
id stick 2>/dev/null || useradd -M -G dialout,plugdev stick
stickshift setup udev
udevadm control --reload
mkdir -p "$HERE/state"
chmod 777 "$HERE/state"
STICKSHIFT_STATE=$HERE/state setpriv --reuid stick --regid dialout --init-groups --inh-caps=-all --bounding-set=-all \
    stickshift serve --watch --listen 127.0.0.1:8321 > "$HERE/serve.log" 2>&1 &
SERVE=$!
plug k3772
wait_for 30 shows 12d1:14cf
cat "$HERE/serve.log"
same "$(awk '$1 == "Uid:" { print $3 }' "/proc/$SERVE/status")" "$(id -u stick)"
same "$(awk '$1 == "CapEff:" { print $2 }' "/proc/$SERVE/status")" 0000000000000000
kill "$SERVE"
wait "$SERVE"
rm /etc/udev/rules.d/*stickshift*
udevadm control --reload
