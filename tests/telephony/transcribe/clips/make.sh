#!/bin/sh
# How the clips were made, for whoever wants others: flite and ffmpeg (Debian packages) speak each line of texts.txt, band
# and codec are those of a telephone line (ITU-T G.712, G.711 μ-law).
set -eu
cd "$(dirname "$0")"
number=0
while read -r voice text; do
    number=$((number + 1))
    flite -voice "$voice" -t "$text" -o /tmp/clip.$$.wav
    ffmpeg -v error -y -i /tmp/clip.$$.wav -af "highpass=f=300,lowpass=f=3400" -ar 8000 -ac 1 -c:a pcm_mulaw \
        -bitexact "$(printf '%02d' $number).wav" </dev/null
done <texts.txt
rm -f /tmp/clip.$$.wav
