//! `tisync ts now`: the current ts of a cluster.

use anyhow::Result;

use crate::cli::Format;
use crate::cli::ts::NowArgs;
use crate::commands::ts::{Live, show};
use crate::error::Fault;
use crate::output;

pub fn run(args: &NowArgs, format: Format, verbose: u8, live: &dyn Live) -> Result<()> {
    if args.pd.pd.is_empty() {
        let fault = Fault::usage("no cluster was named to ask for its ts");
        return Err(fault.hint("give --pd http://HOST:2379, or TISYNC_PD in the environment").into());
    }
    let ts = live.now(&args.pd)?;
    if verbose > 0 {
        output::note(&format!("PD says {}", ts.explain()));
    }
    show::one(format, &ts.to_string(), &show::TsRow::new(ts))
}
