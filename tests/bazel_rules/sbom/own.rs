pub use third_party::answer;
