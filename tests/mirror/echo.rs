//! What came from a link and carries no mark that we know is an echo: it is seen at once, and does not go round.

use crate::pair::{MARKED, Pair};

#[test]
fn without_marks_the_echo_is_seen() {
    let pair = Pair::start(7_600_000_000_000_000_050);
    let load = pair.load();
    // There it goes without marks, and comes back on a link that looks for them.
    let _there = pair.link(0, &[]);
    let back = pair.link(1, &MARKED);
    let ran = back.expect(4);
    assert!(ran.stderr.contains("echo") || ran.stderr.contains("came back"), "{}", ran.stderr);
    for one in load {
        one.stop().expect("the load has no conflicts");
    }
}
