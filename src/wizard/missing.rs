//! Which questions nobody has answered, where nobody can be asked.

use crate::cli::init::InitArgs;

/// The flags of all questions that have no default and no answer yet, in the order of the questions.
#[must_use]
pub fn missing(args: &InitArgs) -> Vec<&'static str> {
    let start = &args.start;
    let started = start.start_from_br.is_some() || start.start_from_dumpling.is_some() || start.start_ts.is_some();
    let wanted = [
        ("--from-pd", true, args.from_pd.is_some()),
        ("--to-pd", args.both, args.to_pd.is_some()),
        ("--to", true, args.to.is_some()),
        ("--from-sql", args.both, args.from_sql.is_some()),
        ("--start-ts (or --start-from-br, --start-from-dumpling)", true, started),
        ("--ddl-from", args.both, args.ddl_from.is_some()),
        ("--mark-setup", args.both && !args.dry_run, args.mark_setup.is_some()),
    ];
    wanted.into_iter().filter(|(_, asked, answered)| *asked && !answered).map(|(flag, ..)| flag).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn of(words: &str) -> Vec<&'static str> {
        let cli = Cli::try_parse_from(words.split(' ')).unwrap();
        let Command::Init(args) = cli.command else { panic!("{words}") };
        missing(&args)
    }

    #[test]
    fn in_the_order_of_the_questions() {
        const START: &str = "--start-ts (or --start-from-br, --start-from-dumpling)";
        assert_eq!(of("tisync init"), ["--from-pd", "--to", START]);
        assert_eq!(of("tisync init --from-pd a:1 --start-from-br /b"), ["--to"]);
        assert_eq!(of("tisync init --from-pd a:1 --to mysql://b --start-ts now"), [""; 0]);
        assert_eq!(
            of("tisync init --both --to mysql://b"),
            ["--from-pd", "--to-pd", "--from-sql", START, "--ddl-from", "--mark-setup"]
        );
        assert!(!of("tisync init --both --dry-run").contains(&"--mark-setup"));
    }
}
