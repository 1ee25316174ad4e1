use super::*;
pub const CASES: &[(&str, Case)] = &[];
