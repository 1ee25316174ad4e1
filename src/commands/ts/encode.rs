//! `tisync ts encode`: the first ts of a time's millisecond.

use anyhow::Result;
use jiff::Timestamp;

use crate::cli::Format;
use crate::cli::ts::EncodeArgs;
use crate::commands::ts::{show, zone};
use crate::{moment, output};

pub fn run(args: &EncodeArgs, format: Format, verbose: u8) -> Result<()> {
    let zone = zone(args.time_zone.as_ref())?;
    let ts = moment::to_ts(moment::parse(&args.time, zone.as_ref(), Timestamp::now())?)?;
    if verbose > 0 {
        output::note(&format!("`{}` is {}", args.time, ts.explain()));
    }
    show::one(format, &ts.to_string(), &show::TsRow::new(ts))
}
