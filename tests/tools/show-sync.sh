#!/usr/bin/env bash
# show-sync.sh [ITEM…]  Measures what declared state promises, and prints a line for each item: ok or short, what it is,
# its figures. The whole output of an item is in build/show/ITEM.log. Status 1: an item is short.
set -eu
cd "$(dirname "$0")/../.."
unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS

# NAME: what it shows. The function item_NAME measures it.
items='
acceptance:     every behaviour of the lists that concerns rows, a test function each
engine:         every behaviour of the lists that concerns the engine: what is told twice, told late, failed, undeclared
crash:          10,000 seeds of runs that are interrupted anywhere: the last one ends as declared, one more writes nothing
crash-live:     500 of the seeds on real workerd
million:        1,000,000 rows: tracking, unchanged, one in a hundred changed; a client that knows nothing
memory:         the peak from 100,000 to 10,000,000 rows, in key order and in any order
producers:      two scopes of one table keep apart; the same scope: one gets a conflict
sabotage:       every promise that is broken on purpose turns its test short'

item_acceptance() { tests/sync/run.sh acceptance local; }
item_engine() { tests/sync/run.sh ../unit/connect; }
item_crash() { tests/sync/run.sh crash local 10000; }
item_crash_live() { tests/sync/run.sh crash live 500; }
item_million() { tests/sync/run.sh large store 1000000 && tests/sync/run.sh large stateless 1000000; }
item_memory() {
    tests/sync/run.sh large memory 100000 1000000 10000000 && tests/sync/run.sh large spill 100000 1000000 10000000
}
item_producers() { tests/sync/run.sh producers; }
item_sabotage() { tests/tools/sabotage.sh; }

. tests/tools/show.sh
