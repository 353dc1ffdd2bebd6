# OpenWrt's packages in a root like a router's: installed, used, upgraded and removed, with every file accounted for.
# Run as root: openwrt.sh apk|ipk ALPINE PEERS FOLDER-OF-PACKAGES
#
# The root is Alpine's (busybox, apk 3) with OpenWrt's own uci and jshn. functions.sh, rc.common, netifd and ubus are stand-ins from
# their documents (xtask/packages/openwrt), and so is opkg, which no package registry has.
set -eu
# A library for this system's programs, which those of another C library cannot load.
unset LD_PRELOAD
export LC_ALL=C
kind=$1 alpine=$2 peers=$3 packages=$4
here=$(cd "$(dirname "$0")/openwrt" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

say() { echo "    $*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
inside() { chroot "$root" env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin STICKSHIFT_CHECK_EVERY=0 "$@"; }

# Without what the package managers keep for themselves, and what services write at run time.
snapshot() {
	(cd "$root" && set -- . -xdev \( -path ./lib/apk/db -o -path ./usr/lib/apk/db -o -path ./usr/lib/opkg -o -path ./var -o -path ./tmp -o -path ./dev \
		-o -path ./etc/apk \) -prune -o
	{ find "$@" ! -type d -printf '%y %m %u:%g %p %l\n' -o -printf '%y %m %u:%g %p\n'
	find "$@" -type f -print0 | xargs -0 sha256sum; } | sort)
}
paths() { sed -n 's/^[fl] [0-7]* [^ ]* \.\(\/[^ ]*\).*/\1/p' "$1" | sort -u; }

cp -a "$alpine" "$root"
# A router's /lib is a folder of its own.
[ ! -L "$root/lib" ] || { rm "$root/lib" && mkdir "$root/lib" && ln -s ../usr/lib/ld-musl-x86_64.so.1 "$root/lib/"; }
mkdir -p "$root/var/log" "$root/var/state" "$root/etc/config" "$root/etc/init.d" "$root/usr/share/libubox" "$root/lib/netifd/proto" "$root/tmp" \
	"$root/usr/local/bin" "$root/dev"
chroot "$root" /bin/busybox --install -s
[ -c "$root/dev/null" ] || mknod -m 666 "$root/dev/null" c 1 3
cp "$here/lib/functions.sh" "$root/lib/functions.sh"
cp "$here/lib/netifd/netifd-proto.sh" "$root/lib/netifd/"
cp "$here/etc/rc.common" "$root/etc/"
cp "$here/bin/ubus" "$root/bin/"
printf 'ID="openwrt"\nVERSION="25.12"\n' >"$root/etc/os-release"
if [ "$kind" = ipk ]; then
	rm "$root/usr/sbin/apk"
	printf '#!/bin/sh\n' >"$root/bin/opkg"
	chmod 755 "$root/bin/opkg"
fi
cp "$peers/uci" "$root/sbin/uci"
cp "$peers/jshn" "$root/usr/bin/jshn"
cp "$peers/jshn.sh" "$root/usr/share/libubox/"
printf "config interface 'lan'\n\toption proto 'static'\n" >"$root/etc/config/network"
printf "config zone\n\toption name 'lan'\n\tlist network 'lan'\n\nconfig zone\n\toption name 'wan'\n\tlist network 'wan'\n" >"$root/etc/config/firewall"
cp -r "$packages"/* "$root/tmp"

file() { (cd "$packages" && ls "$1"_[0-9]*."$kind"); }

if [ "$kind" = apk ]; then
	inside apk add --initdb --no-network --quiet >/dev/null 2>&1 || true
	# Unsigned packages of one's own; the architecture is that of the test and not the router's.
	apk() { inside apk --allow-untrusted --no-network --arch x86_64 --no-progress "$@" >"$work/apk.log" 2>&1 || { cat "$work/apk.log"; fail "apk $*"; }; }
	mkdir -p "$root/tmp/empty"
	inside apk mkpkg --info name:luci-base --info version:1-r1 --info arch:noarch --files /tmp/empty --output /tmp/luci-base.apk
	apk add /tmp/luci-base.apk
	install() { apk add "/tmp/$1"; }
	upgrade() { apk add "/tmp/$1"; }
	remove() { apk del "$@"; }
	installed() { inside apk info --quiet --contents "$1" | sed -n 's#^[^/].*#/&#p' | sort -u; }
else
	python3 "$here/ipk.py" check "$packages"/*.ipk
	install() { python3 "$here/ipk.py" install "$root" "$packages/$1"; }
	upgrade() { python3 "$here/ipk.py" upgrade "$root" "$packages/$1"; }
	remove() { for name; do python3 "$here/ipk.py" remove "$root" "$name"; done; }
	installed() { sort -u "$root/usr/lib/opkg/info/$1.list"; }
fi

snapshot >"$work/before"
install "$(file stickshift)"
snapshot >"$work/now"
paths "$work/before" >"$work/paths-before"
paths "$work/now" | comm -13 "$work/paths-before" - | grep -vx '/etc/rc.d/S30stickshift' >"$work/added"
installed stickshift | diff - "$work/added" || fail 'files that no package owns, or that are missing'
grep -v ' \./etc/config$\| \./etc\(/init.d\)\{0,1\}$\| \./lib\| \./usr' "$work/before" | comm -23 - "$work/now" | grep . && fail 'the installation changed what was there'
say "$(wc -l <"$work/added") files, each owned by the package; nothing else changed"

# The service, with choices from UCI.
[ "$(readlink "$root/etc/rc.d/S30stickshift")" = ../init.d/stickshift ] || fail 'the service is not enabled'
grep -qx 'command /usr/bin/stickshift watch' "$root/var/log/procd" || { cat "$root/var/log/procd"; fail 'the service did not start'; }
inside uci -q batch >/dev/null <<'END'
set stickshift.main.patience='7'
add stickshift stick
set stickshift.@stick[-1].id='12d1:1f01'
set stickshift.@stick[-1].to='serial'
add stickshift stick
set stickshift.@stick[-1].serial='a,b'
set stickshift.@stick[-1].to='hilink'
add stickshift stick
set stickshift.@stick[-1].place='1-1.4'
set stickshift.@stick[-1].to='leave'
commit stickshift
END
inside /etc/init.d/stickshift reload
grep -q '^log -t stickshift section cfg.* is left out' "$root/var/log/procd" || fail 'a comma was not refused'
wanted='command /usr/bin/stickshift watch --patience 7 --rule id=12d1:1f01,to=serial --rule place=1-1.4,to=leave'
grep -qxF "$wanted" "$root/var/log/procd" || { cat "$root/var/log/procd"; fail 'the choices of UCI are not heeded'; }
# shellcheck disable=SC2086
inside timeout 1 ${wanted#command } 2>"$work/watch" || [ $? = 124 ] || { cat "$work/watch"; fail 'the program does not take them'; }
inside uci set stickshift.main.watch=0
inside uci commit stickshift
: >"$root/var/log/procd"
inside /etc/init.d/stickshift reload
! grep -q command "$root/var/log/procd" || fail 'watch 0 starts the service'
inside uci set stickshift.main.watch=1
inside uci commit stickshift
say 'the service starts with the choices of /etc/config/stickshift'

# usb_modeswitch by its name.
inside env STICKSHIFT_VIRTUAL=k3772 usb_modeswitch -v 12d1 -p 1526 -J >/dev/null 2>&1 || fail usb_modeswitch

# `setup openwrt`, carried out by OpenWrt's own uci.
inside stickshift setup openwrt --ids 12d1:1526 --apn internet.example --out / >"$work/said"
case "$kind" in
	apk) grep -q '^apk update && apk add' "$work/said" && ! grep -q opkg "$work/said" ;;
	ipk) grep -q '^opkg update && opkg install' "$work/said" && ! grep -q apk "$work/said" ;;
esac || { cat "$work/said"; fail 'not the package manager that the router has'; }
inside sh /etc/stickshift/setup.sh
inside uci set network.wwan.pincode=1234
inside uci commit network
inside sh /etc/stickshift/setup.sh
expect() { [ "$1" = "$2" ] || fail "$3: $1"; }
expect "$(inside uci get network.wwan.proto) $(inside uci get network.wwan.pincode) $(inside uci get network.lan.proto)" '3g 1234 static' 'network'
expect "$(inside uci get firewall.@zone[0].network), $(inside uci get firewall.@zone[1].network)" 'lan, wan wwan' 'firewall'
[ ! -e "$root/etc/uci-defaults" ] || fail 'it would run at the next start'
inside uci set network.lan.proto=dhcp
if inside sh /etc/stickshift/setup.sh 2>/dev/null; then fail 'it commits what the owner has begun'; fi
expect "$(inside uci changes network)" "network.lan.proto='dhcp'" 'what the owner has begun'
inside uci revert network
for name in lan loopback; do
	if inside stickshift setup openwrt --ids 12d1:1526 --interface $name --out /tmp/lan >/dev/null 2>&1; then fail "--interface $name"; fi
done
inside uci set network.guest=interface
inside uci set network.guest.proto=static
inside uci commit network
inside stickshift setup openwrt --ids 12d1:1526 --interface guest --out /tmp/guest >/dev/null
if inside sh /tmp/guest/etc/stickshift/setup.sh 2>/dev/null; then fail 'it takes an interface that is there'; fi
expect "$(inside uci get network.guest.proto)" static 'an interface of the owner'
# Of what netifd calls the interface, and of what an upgrade keeps.
printf 'etc/mine\n/etc/hotplug.d/net/30-stickshift-hilink\n' >"$root/etc/sysupgrade.conf"
for release in 19.07.10 24.10.0; do
	printf "DISTRIB_RELEASE='%s'\n" "$release" >"$root/etc/openwrt_release"
	inside stickshift setup openwrt --ids 12d1:14dc --interface hilink --out /tmp/hilink --force >"$work/said"
	inside sh /tmp/hilink/etc/stickshift/setup.sh
	expect "$(inside uci -q get network.hilink.ifname), $(inside uci -q get network.hilink.device)" \
		"$(case $release in 19*) echo 'eth1, ' ;; *) echo ', eth1' ;; esac)" "the name of the device in $release"
done
expect "$(tr '\n' ' ' <"$root/etc/sysupgrade.conf")" \
	'etc/mine /etc/hotplug.d/net/30-stickshift-hilink /etc/stickshift/usb-mode-hilink.json /etc/hotplug.d/usb/21-stickshift-hilink ' 'what an upgrade keeps'
sed -n 's/^rm \/etc[^;]*; //p' "$work/said" >"$root/tmp/forget"
inside sh /tmp/forget
expect "$(cat "$root/etc/sysupgrade.conf"), $(inside uci -q get network.hilink)" 'etc/mine, ' 'what is taken back'
rm -r "$root/etc/sysupgrade.conf" "$root/etc/openwrt_release" "$root/tmp/hilink" "$root/tmp/forget"
inside stickshift setup openwrt --ids 12d1:14dc --interface lte --dialler stickshift --out / --force >"$work/said"
grep -q '^/lib/netifd/proto/stickshift.sh$' "$work/said" || { cat "$work/said"; fail 'the handler is not written'; }
inside sh /etc/stickshift/setup.sh
expect "$(inside uci get network.lte.proto), $(inside uci -q get network.lte.apn)" 'stickshift, ' 'the protocol of this program'
rm -r "$root/etc/stickshift" "$root"/etc/hotplug.d/tty "$root"/etc/hotplug.d/usb/21-stickshift-wwan
say "the real uci takes what \`setup openwrt\` writes, twice, and leaves the owner's alone"

# The ubus object, with a virtual stick behind the program.
wrap() { printf '#!/bin/sh\nexec /usr/bin/stickshift --virtual %s "$@"\n' "$1" >"$root/usr/local/bin/stickshift"; chmod 755 "$root/usr/local/bin/stickshift"; }
wrap e3372h-stick
json() { python3 -c 'import json,sys; r=json.loads(sys.stdin.read()); print(eval(sys.argv[1]))' "$1"; }
inside /usr/libexec/rpcd/stickshift list | json 'sorted(r)' >"$work/methods"
expect "$(cat "$work/methods")" "['doctor', 'identify', 'online', 'signal', 'sticks']" 'methods'
call() { printf '%s\n' "$2" | inside /usr/libexec/rpcd/stickshift call "$1"; }
expect "$(call sticks '{}' | json 'r["result"]["sticks"][0]["place"]')" 1-1 sticks
expect "$(call signal '{"place":"1-1"}' | json 'r["result"]["technology"]')" LTE signal
expect "$(call online '{"place":"1-1"}' | json 'r["result"]["online"]')" False online
expect "$(call identify '{"place":"1-1"}' | json 'r["result"]["place"]')" 1-1 identify
if call signal '{"place":"--trace=/etc/passwd"}' >/dev/null; then fail 'a place is an option'; fi
say 'the ubus object answers what the program says'

# The protocol of netifd.
handler() { (cd "$root/lib/netifd/proto" && inside sh -c 'cd /lib/netifd/proto && exec ./stickshift.sh "$@"' sh stickshift "$@"); }
handler dump | json '" ".join(o[0] for o in r["config"])' >"$work/options"
expect "$(cat "$work/options")" 'place apn pincode username password auth ip way roaming check defaultroute peerdns metric' options
message() { sed -n "$1p" "$root/var/log/ubus" | json "$2"; }
try() { rm -f "$root/var/log/ubus"; handler "$@" 2>"$work/handler" || true; [ -s "$root/var/log/ubus" ] || { cat "$work/handler"; fail "no message for netifd: $*"; }; }
try setup lte '{"proto":"stickshift","place":"1-1","apn":"internet"}'
expect "$(message 1 '[r["action"], r["ifname"], r["link-up"], r["interface"]]')" "[0, 'wwan0', True, 'lte']" 'up'
expect "$(message 1 'len(r["ipaddr"]), len(r["dns"]), r["routes"][0]["target"]')" "(1, 2, '0.0.0.0')" 'addresses'
expect "$(message 2 '[r["action"], r["command"]]')" "[1, ['/lib/netifd/stickshift-check', '1-1']]" 'check'
try setup lte '{"proto":"stickshift","place":"1-1","apn":"internet","check":false}'
expect "$(wc -l <"$root/var/log/ubus")" 1 'a check that is off'
try teardown lte '{"proto":"stickshift","place":"1-1"}'
expect "$(message 2 '[r["action"], r["link-up"]]')" '[0, False]' 'down'
# The stick that nobody has plugged in is waited for; what no repetition mends is blocked.
try setup lte '{"proto":"stickshift","place":"1-9"}'
expect "$(message 1 '[r["action"], r["error"]]')" "[3, ['no-stick']]" 'no stick'
expect "$(message 2 '[r["action"], r["available"]]')" '[5, False]' 'no stick'
try setup lte '{"proto":"stickshift","place":"1-1","auth":"magic"}'
expect "$(message 2 '[r["action"]]')" '[4]' 'an option that is wrong'
wrap e3372h-stick-pin
try setup lte '{"proto":"stickshift","place":"1-1"}'
expect "$(message 1 'r["error"]') $(message 2 'r["action"]')" "['sim-pin-needed'] 4" 'a PIN that is missing'
try setup lte '{"proto":"stickshift","place":"1-1","pincode":"9999"}'
expect "$(message 1 'r["error"]') $(message 2 'r["action"]')" "['wrong-pin'] 4" 'a wrong PIN'
wrap e3372h-stick
# The program that watches ends when nothing answers three times.
if inside timeout 20 /lib/netifd/stickshift-check 1-1; then fail 'the check does not end'; else expect $? 1 'the check'; fi
# A place cannot become an option, nor a command.
try setup lte '{"proto":"stickshift","place":"--trace=/tmp/x","apn":"a;touch /tmp/pwned"}'
[ ! -e "$root/tmp/pwned" ] && [ ! -e "$root/tmp/x" ] || fail 'an option got out of its place'
say 'netifd is told of the connection, of failures, and of what not to repeat'

# The hotplug event of a stick that an interface waits for.
inside uci set network.lte=interface
inside uci set network.lte.proto=stickshift
inside uci commit network
event() { rm -f "$root/var/log/ubus"; echo "$1" >"$root/var/state/lte"; inside env ACTION=bind DEVTYPE=usb_interface DEVPATH="/devices/pci/usb1/1-1/1-1.2/1-1.2:1.0" sh /etc/hotplug.d/usb/30-stickshift; }
event '{"up":false,"pending":false,"available":false}'
expect "$(message 1 '[r["action"], r["available"], r["interface"]]')" "[5, True, 'lte']" 'hotplug'
event '{"up":true,"pending":false,"available":true}'
[ ! -e "$root/var/log/ubus" ] || fail 'an interface that is up is disturbed'
inside uci set network.lte.place=1-1.3
inside uci commit network
event '{"up":false,"pending":false,"available":false}'
[ ! -e "$root/var/log/ubus" ] || fail 'an interface of another place is disturbed'
inside uci set network.lte.disabled=1
inside uci delete network.lte.place
inside uci commit network
event '{"up":false,"pending":false,"available":false}'
[ ! -e "$root/var/log/ubus" ] || fail 'an interface that is disabled is disturbed'
inside uci delete network.lte
inside uci commit network
say 'a stick that comes wakes the interface that waits for it'
rm "$root/usr/local/bin/stickshift"

# Upgraded: the owner's settings stay.
cp "$root/etc/config/stickshift" "$work/mine"
rm -f "$root/etc/rc.d/S30stickshift"
echo 'of an older version' >"$root/usr/libexec/rpcd/stickshift"
upgrade "$(cd "$packages" && ls newer/stickshift_[0-9]*."$kind")"
cmp "$work/mine" "$root/etc/config/stickshift" || fail "the owner's settings were lost"
grep -q 'ubus object' "$root/usr/libexec/rpcd/stickshift" || fail 'a file was not replaced'
[ ! -e "$root/etc/rc.d/S30stickshift" ] || fail 'an upgrade enabled what was turned off'
say 'an upgrade keeps what the owner changed'

# The pages.
install "$(file luci-app-stickshift)"
for page in view/stickshift/status.js view/stickshift/settings.js protocol/stickshift.js; do
	[ -s "$root/www/luci-static/resources/$page" ] || fail "$page is missing"
done
for text in "$root"/usr/share/luci/menu.d/*stickshift.json "$root"/usr/share/rpcd/acl.d/*stickshift.json; do
	python3 -m json.tool "$text" >/dev/null || fail "$text"
done
inside /usr/libexec/rpcd/stickshift list | json 'sorted(r)' >"$work/methods"
python3 -c 'import json,sys; print(sorted(json.load(open(sys.argv[1]))["luci-app-stickshift"]["read"]["ubus"]["stickshift"]))' \
	"$root/usr/share/rpcd/acl.d/luci-app-stickshift.json" | diff - "$work/methods" || fail 'the rights do not name the methods'
say "LuCI's pages are in place, with rights for each method"

remove luci-app-stickshift stickshift
rm -f "$root"/etc/config/stickshift* "$root/etc/config/network" "$root/etc/config/firewall"
printf "config interface 'lan'\n\toption proto 'static'\n" >"$root/etc/config/network"
printf "config zone\n\toption name 'lan'\n\tlist network 'lan'\n\nconfig zone\n\toption name 'wan'\n\tlist network 'wan'\n" >"$root/etc/config/firewall"
snapshot >"$work/now"
paths "$work/now" | diff "$work/paths-before" - || fail 'files are left'
say 'removed: nothing is left but the settings that the owner changed'
