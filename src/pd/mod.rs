//! PD and the etcd inside it: members, timestamps, and the keys under which Pumps and TiDB servers register.

pub mod message;
