# OpenWrt's own uci and jshn, static, into FOLDER: build-peers.sh FOLDER. Their sources are in a package of crates.io, libuci-sys.
set -eu
folder=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
: >"$work/src/lib.rs"
printf '[package]\nname = "peers"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nlibuci-sys = "=1.0.5"\n' >"$work/Cargo.toml"
(cd "$work" && cargo vendor --quiet vendored >/dev/null)
cd "$work/vendored/libuci-sys"
mkdir -p include "$folder"
ln -s ../libubox include/libubox
printf '#pragma once\n' >uci/uci_config.h
ubox='libubox/avl.c libubox/avl-cmp.c libubox/blob.c libubox/blobmsg.c libubox/utils.c'
# shellcheck disable=SC2086
cc -static -O1 -w -std=gnu99 -DUCI_PREFIX='""' -Iuci -Iinclude -o "$folder/uci" \
	uci/cli.c uci/libuci.c uci/file.c uci/util.c uci/delta.c uci/parse.c uci/blob.c $ubox libubox/vlist.c libubox/kvlist.c libubox/md5.c
# shellcheck disable=SC2086
cc -static -O1 -w -std=gnu99 -D_GNU_SOURCE -DJSONC -Iinclude -I/usr/include/json-c -o "$folder/jshn" \
	libubox/jshn.c libubox/blobmsg_json.c $ubox -ljson-c
cp libubox/sh/jshn.sh "$folder/jshn.sh"
