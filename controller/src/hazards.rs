#![doc = include_str!("hazards.md")]
