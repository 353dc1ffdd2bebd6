# Debian's packages in a clean root: installed, used, upgraded, removed and purged, with every file accounted for.
# Run as root: deb.sh ROOT.tar FOLDER-OF-PACKAGES FOLDER-OF-USB-MODESWITCH
set -eu
export LC_ALL=C
archive=$1 packages=$2 peers=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

say() { echo "    $*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
inside() { chroot "$root" env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
dpkg_inside() { inside dpkg "$@" >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; fail "dpkg $*"; }; }

# Everything but what dpkg itself keeps: kind, mode, owner, path, target of a link, content.
snapshot() {
	(cd "$root" && { find . -xdev \( -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache -o -path ./tmp \) -prune \
		-o ! -type d -printf '%y %m %u:%g %p %l\n' -o -printf '%y %m %u:%g %p\n'
	find . -xdev \( -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache -o -path ./tmp \) -prune \
		-o -type f -print0 | xargs -0 sha256sum; } | sort)
}
same_as() {
	snapshot >"$work/now"
	diff "$1" "$work/now" >"$work/diff" || { cat "$work/diff"; fail "$2"; }
	say "$2"
}
fresh_root() {
	rm -rf "$root"
	mkdir "$root"
	tar -C "$root" -xf "$archive"
	# Says yes and writes down what it is asked, as if systemd were running.
	printf '#!/bin/sh\necho "$*" >>/var/log/systemctl\n' >"$root/usr/local/bin/systemctl"
	chmod 755 "$root/usr/local/bin/systemctl"
	mkdir -p "$root/run/systemd/system"
	cp "$packages"/*.deb "$work"/old/*.deb "$peers"/*.deb "$root/tmp"
}
asked() { grep -q -- "$1" "$root/var/log/systemctl" || { cat "$root/var/log/systemctl"; fail "systemctl was not asked: $1"; }; }

new=$(cd "$packages" && ls stickshift_*.deb) stand_in=$(cd "$packages" && ls stickshift-usb-modeswitch_*.deb)

# An older version: other settings, and a file that is gone by now.
mkdir "$work/old"
dpkg-deb -R "$packages/$new" "$work/unpacked"
sed -i 's/^Version: .*/Version: 0.0.9-1/' "$work/unpacked/DEBIAN/control"
echo '# Of the older version.' >"$work/unpacked/etc/stickshift/config.toml"
echo gone >"$work/unpacked/usr/share/doc/stickshift/obsolete"
dpkg-deb --root-owner-group -Znone -b "$work/unpacked" "$work/old/old.deb" >/dev/null

fresh_root
snapshot >"$work/before"
dpkg_inside -i /tmp/old.deb
snapshot >"$work/now"

# What is there now that was not, against what the package says.
paths() { sed -n 's/^[a-z] [0-7]* [^ ]* \.\(\/[^ ]*\).*/\1/p' "$1" | sort -u; }
paths "$work/before" >"$work/paths-before"
paths "$work/now" | comm -13 "$work/paths-before" - >"$work/added"
inside dpkg -L stickshift | grep -vxF /. | sort -u | comm -13 "$work/paths-before" - >"$work/owned"
diff "$work/owned" "$work/added" || fail "files that no package owns, or that are missing"
[ "$(wc -l <"$work/before")" -gt 1000 ] || fail "the snapshot is empty"
comm -23 "$work/before" "$work/now" | grep . && fail "the installation changed what was there"
say "$(wc -l <"$work/added") files and folders, each owned by the package; nothing else changed"

# Used.
inside stickshift --virtual k3772 list | grep -q 'CD-ROM (not switched yet)' || fail list
inside stickshift --virtual k3772 switch 2>/dev/null | grep -q '^switched from 12d1:1526' || fail switch
inside stickshift rehearse >"$work/rehearsal" 2>&1 || { cat "$work/rehearsal"; fail rehearse; }
inside sh -c 'zcat /usr/share/man/man1/stickshift-switch.1.gz' | grep -q '^\.SH NAME' || fail 'no manual page'
inside bash -n /usr/share/bash-completion/completions/stickshift || fail completions
for unit in stickshift.service stickshift-online@.service; do
	program=$(sed -n 's/^ExecStart="\{0,1\}\([^" ]*\).*/\1/p' "$root/usr/lib/systemd/system/$unit")
	[ "$program" = /usr/bin/stickshift ] || fail "$unit starts $program"
done
[ ! -e "$root/etc/systemd/system/multi-user.target.wants/stickshift.service" ] || fail 'the service is enabled'
say 'lists, switches and converts virtual sticks; manual, completions and units are in place'

# Upgraded: settings that the owner changed stay, those that nobody touched follow, what is obsolete goes.
grep -q 'Of the older version' "$root/etc/stickshift/config.toml" || fail 'not the older settings'
dpkg_inside -i "/tmp/$new"
grep -q 'Settings of stickshift' "$root/etc/stickshift/config.toml" || fail 'untouched settings did not follow'
[ ! -e "$root/usr/share/doc/stickshift/obsolete" ] || fail 'an obsolete file stayed'
asked 'daemon-reload'
asked 'try-restart stickshift.service'
! grep -q 'stop' "$root/var/log/systemctl" || fail 'an upgrade stops connections'
dpkg_inside -i /tmp/old.deb
echo 'apn = "mine"' >"$root/etc/stickshift/config.toml"
dpkg_inside -i --force-confdef --force-confold "/tmp/$new"
grep -qx 'apn = "mine"' "$root/etc/stickshift/config.toml" || fail "the owner's settings were lost"
say 'an upgrade keeps what the owner changed and removes what is obsolete'

# Beside usb-modeswitch, which stays as it is.
inside dpkg -V usb-modeswitch usb-modeswitch-data 2>&1 | grep . && fail 'usb-modeswitch was changed'
[ ! -L "$root/usr/sbin/usb_modeswitch" ] || fail 'usb_modeswitch was replaced'
inside stickshift --color never doctor | grep -q usb_modeswitch || fail 'doctor does not see usb_modeswitch'
say 'usb-modeswitch beside it is untouched'

# In its place, and back again.
dpkg_inside -i "/tmp/$stand_in"
inside dpkg-query -W -f '${db:Status-Abbrev}' usb-modeswitch usb-modeswitch-data 2>/dev/null | grep ^ii && fail 'usb-modeswitch is still installed'
inside env STICKSHIFT_VIRTUAL=k3772 usb_modeswitch -v 12d1 -p 1526 -J >"$work/drop-in" 2>&1 || fail 'usb_modeswitch does not switch'
[ "$(inside readlink -f /usr/sbin/usb_modeswitch)" = /usr/bin/stickshift ] || fail 'usb_modeswitch is another program'
grep -q '/usr/bin/stickshift --quiet switch' "$root/usr/lib/udev/rules.d/81-stickshift-switch.rules" || fail 'no rules that switch'
[ ! -e "$root/usr/lib/udev/rules.d/40-usb_modeswitch.rules" ] || fail 'rules of usb_modeswitch are left'
if inside dpkg -r stickshift >/dev/null 2>&1; then fail 'stickshift can be removed under its stand-in'; fi
dpkg_inside -r stickshift-usb-modeswitch
dpkg_inside -i $(cd "$peers" && ls | sed 's#^#/tmp/#')
inside dpkg -V usb-modeswitch usb-modeswitch-data 2>&1 | grep . && fail 'usb-modeswitch did not come back whole'
[ ! -L "$root/usr/sbin/usb_modeswitch" ] || fail 'the link stayed'
say 'stickshift-usb-modeswitch takes its place, and gives it back'

# Removed: settings stay. Purged: nothing does.
mkdir -p "$root/etc/stickshift/devices.d" "$root/var/lib/stickshift/online" "$root/etc/systemd/system/multi-user.target.wants"
echo mine >"$root/etc/stickshift/devices.d/12d1:1526"
echo journal >"$root/var/lib/stickshift/online/1-1"
ln -s /usr/lib/systemd/system/stickshift.service "$root/etc/systemd/system/multi-user.target.wants/stickshift.service"
ln -s /usr/lib/systemd/system/stickshift-online@.service "$root/etc/systemd/system/multi-user.target.wants/stickshift-online@1-1.service"
dpkg_inside -r stickshift
asked 'stop stickshift.service'
[ ! -e "$root/usr/bin/stickshift" ] || fail 'the program stayed'
grep -qx 'apn = "mine"' "$root/etc/stickshift/config.toml" || fail 'removing took the settings'
[ -e "$root/etc/stickshift/devices.d/12d1:1526" ] || fail 'removing took a profile'
dpkg_inside -P stickshift stickshift-usb-modeswitch
# Installed again: only the time of the folder differs, which the snapshot has not.
same_as "$work/before" 'purged: every file is as it was before the installation'
