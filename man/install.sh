#!/bin/sh
# install.sh DESTDIR PREFIX: put the manual pages into DESTDIR/PREFIX/share/man.
# A page of section 1m is found in section 8, too.
set -eu
if [ $# != 2 ]; then
	echo "usage: install.sh DESTDIR PREFIX" >&2
	exit 1
fi
here=$(cd "$(dirname "$0")" && pwd)
share=$1$2/share/man
for page in "$here"/*.1m "$here"/*.5 "$here"/*.7 "$here"/*.8; do
	[ -f "$page" ] || continue
	file=${page##*/}
	section=${file##*.}
	folder=man${section%m}
	mkdir -p "$share/$folder"
	cp "$page" "$share/$folder/$file"
	chmod 644 "$share/$folder/$file"
	if [ "$section" = 1m ]; then
		mkdir -p "$share/man8"
		echo ".so $folder/$file" >"$share/man8/${file%.1m}.8"
		chmod 644 "$share/man8/${file%.1m}.8"
	fi
done
