include!(concat!(env!("OUT_DIR"), "/word.rs"));
