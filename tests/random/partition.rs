//! Partitions by one whole number.

use serde_json::{Value as Json, json};
use tisync::playground::{sql_name, tableinfo};

#[derive(Clone, Debug)]
pub struct Partitions {
    /// The column that tells.
    pub column: String,
    pub how: How,
    pub parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Range,
    List,
    Hash,
}

#[derive(Clone, Debug)]
pub struct Part {
    pub id: i64,
    pub name: String,
    /// RANGE: what it is below; `None` is MAXVALUE.
    pub below: Option<i64>,
    /// LIST: its values.
    pub values: Vec<i64>,
}

impl Part {
    pub fn sql(&self, how: How) -> String {
        let name = sql_name(&self.name);
        match (how, self.below) {
            (How::Range, Some(n)) => format!("PARTITION {name} VALUES LESS THAN ({n})"),
            (How::Range, None) => format!("PARTITION {name} VALUES LESS THAN (MAXVALUE)"),
            (How::List, _) => {
                let values: Vec<String> = self.values.iter().map(i64::to_string).collect();
                format!("PARTITION {name} VALUES IN ({})", values.join(","))
            }
            (How::Hash, _) => format!("PARTITION {name}"),
        }
    }
}

impl Partitions {
    pub fn ids(&self) -> Vec<i64> {
        self.parts.iter().map(|p| p.id).collect()
    }

    /// Which of them a row with the number `n` is in.
    pub fn place(&self, n: i64) -> Option<usize> {
        match self.how {
            How::Range => self.parts.iter().position(|p| p.below.is_none_or(|end| n < end)),
            How::List => self.parts.iter().position(|p| p.values.contains(&n)),
            How::Hash => usize::try_from((n % i64::try_from(self.parts.len()).ok()?).abs()).ok(),
        }
    }

    pub fn sql(&self) -> String {
        let column = sql_name(&self.column);
        let parts: Vec<String> = self.parts.iter().map(|p| p.sql(self.how)).collect();
        match self.how {
            How::Range => format!("PARTITION BY RANGE ({column}) ({})", parts.join(", ")),
            How::List => format!("PARTITION BY LIST ({column}) ({})", parts.join(", ")),
            How::Hash => format!("PARTITION BY HASH ({column}) PARTITIONS {}", parts.len()),
        }
    }

    pub fn info(&self) -> Json {
        let kind = match self.how {
            How::Range => 1,
            How::Hash => 2,
            How::List => 3,
        };
        let part = |p: &Part| {
            let below = p.below.map_or_else(|| "MAXVALUE".to_owned(), |n| n.to_string());
            let values: Vec<[String; 1]> = p.values.iter().map(|n| [n.to_string()]).collect();
            json!({
                "id": p.id, "name": tableinfo::name(&p.name),
                "less_than": if self.how == How::Range { json!([below]) } else { Json::Null },
                "in_values": if self.how == How::List { json!(values) } else { Json::Null },
                "policy_ref_info": null,
            })
        };
        json!({
            "type": kind, "expr": sql_name(&self.column), "columns": null, "enable": true,
            "definitions": self.parts.iter().map(part).collect::<Vec<_>>(),
            "adding_definitions": null, "dropping_definitions": null, "states": null, "num": self.parts.len(),
            "ddl_state": 0,
        })
    }
}
