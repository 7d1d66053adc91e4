//! The shop itself: one handler for all.

use seltzer_peers::schemas::shop::{Invoice, Line, Order, PricedLine};

/// What an order costs.
pub(crate) fn price(order: Order) -> Invoice {
    let lines: Vec<_> = order.lines.into_iter().map(price_line).collect();
    Invoice { total: lines.iter().map(|line| line.sum).sum(), customer: order.customer, lines }
}

fn price_line(line: Line) -> PricedLine {
    PricedLine {
        sum: f64::from(line.count) * line.price,
        in_stock: line.tags.iter().any(|tag| tag == "stock"),
        article: line.article,
        description: line.description,
        count: line.count,
    }
}

/// An order of so many lines, of about a hundred bytes each as JSON.
pub(crate) fn order(lines: usize) -> Order {
    let line = |number: usize| Line {
        article: format!("A-{number:05}"),
        description: format!("part {number} of the order"),
        count: i32::try_from(number % 7 + 1).expect("seven at most"),
        // A fraction that JSON says with few digits.
        price: 0.25 * f64::from(u32::try_from(number % 100).expect("below a hundred")) + 1.5,
        tags: vec!["stock".to_owned(), "small".to_owned()],
    };
    Order { customer: "a customer".to_owned(), lines: (0..lines).map(line).collect() }
}

/// Whether this is the answer to that order.
pub(crate) fn is_answer(invoice: &Invoice, order: &Order) -> bool {
    let total: f64 = order.lines.iter().map(|line| f64::from(line.count) * line.price).sum();
    invoice.lines.len() == order.lines.len() && (invoice.total - total).abs() < 1e-6
}
