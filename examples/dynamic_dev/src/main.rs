//! Memory, panics, statics and thread locals cross from one library into another here.

use journey::Journey;

fn main() {
    let journey = Journey::default().stage("hills", 12.5).stage("coast", 30.0);
    println!("{}", report::report(&journey));
    println!("distances made: {}", units::made());
    std::panic::set_hook(Box::new(|_| {}));
    let caught = std::panic::catch_unwind(|| Journey::default().first());
    println!("caught: {}", caught.is_err());
}
