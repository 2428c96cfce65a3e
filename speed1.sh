#!/bin/bash
cd /tmp/w/speed
date
cargo test -p takeover-engine -p takeover --lib --test sandbox --offline --no-run 2>&1 | grep --line-buffered -vE '^\s*(Compiling|Fresh)' || true
if [ ${PIPESTATUS[0]} -ne 0 ]; then echo BUILD FAILED; date; exit 1; fi
date
timeout 300 cargo test -p takeover-engine -p takeover --lib --test sandbox --offline -- --skip sip_node --skip host_agent --skip control --skip api --skip daemon --skip embed --skip journal --skip outside --skip authoring 2>&1 | grep --line-buffered -E '^test result|FAILED|failed|panicked|^error|Running|assert|left|right|not ' 
date
