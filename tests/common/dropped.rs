//! What a link's report says of transactions that came from the other side.

/// Those with data that a link dropped, by the line of its report: how many with bookkeeping alone come with them is a matter of timing. There were
/// no echoes.
#[track_caller]
pub fn with_data(report: &str) -> u64 {
    let line = report.lines().find(|l| l.ends_with("bookkeeping only; echoes: 0"));
    let line = line.unwrap_or_else(|| panic!("no such line: {report}"));
    let said = line.rsplit(": ").nth(1).expect("it has a colon before `echoes`");
    let mut numbers = said.split([' ', ':']).filter_map(|word| word.parse::<u64>().ok());
    let (all, bookkeeping) = (numbers.next().expect("of all"), numbers.next().expect("of bookkeeping"));
    all - bookkeeping
}
