//! The page that `splitlink report` makes, in a real browser.

mod input;
mod page;
mod speed;
