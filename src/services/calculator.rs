//! The service `Calculator` (no package): arithmetic, squares, sums and a chat room.

use tonic::{Request, Response};

use crate::codec::Streaming;
use crate::services::chat_room::{ChatRoom, Heard};
use crate::services::schemas::calculator::calculator_server::Calculator;
use crate::services::schemas::calculator::{self, BinaryOperation, Message, Number};
use crate::status::Status;

/// Calculates on doubles, and holds one chat room for all its callers.
#[derive(Debug, Default)]
pub struct CalculatorHandler {
    room: ChatRoom,
}

/// The squares of 1, 2, 3 and so on, each computed when it is asked for.
#[derive(Debug, Clone)]
pub struct Squares {
    next: u64,
    last: u64,
}

impl Calculator for CalculatorHandler {
    async fn add(&self, request: Request<BinaryOperation>) -> Result<Response<calculator::Result>, Status> {
        let BinaryOperation { a, b } = request.into_inner();
        Ok(answer(a, '+', b, a + b))
    }

    async fn subtract(&self, request: Request<BinaryOperation>) -> Result<Response<calculator::Result>, Status> {
        let BinaryOperation { a, b } = request.into_inner();
        Ok(answer(a, '-', b, a - b))
    }

    async fn multiply(&self, request: Request<BinaryOperation>) -> Result<Response<calculator::Result>, Status> {
        let BinaryOperation { a, b } = request.into_inner();
        Ok(answer(a, '*', b, a * b))
    }

    async fn divide(&self, request: Request<BinaryOperation>) -> Result<Response<calculator::Result>, Status> {
        let BinaryOperation { a, b } = request.into_inner();
        if b == 0.0 {
            return Err(Status::invalid_argument(DIVISION_BY_ZERO));
        }
        Ok(answer(a, '/', b, a / b))
    }

    type GetSquaresStream = tokio_stream::Iter<Squares>;

    async fn get_squares(&self, request: Request<Number>) -> Result<Response<Self::GetSquaresStream>, Status> {
        let squares = Squares::up_to(request.get_ref().value)?;
        Ok(Response::new(tokio_stream::iter(squares)))
    }

    async fn sum_numbers(&self, request: Request<Streaming<Number>>) -> Result<Response<calculator::Result>, Status> {
        let mut numbers = request.into_inner();
        let (mut value, mut count) = (0.0, 0_u64);
        while let Some(number) = numbers.message().await? {
            value += number.value;
            count += 1;
        }
        Ok(Response::new(calculator::Result { value, message: format!("the sum of {count} numbers") }))
    }

    type ChatStream = Heard;

    async fn chat(&self, request: Request<Streaming<Message>>) -> Result<Response<Self::ChatStream>, Status> {
        self.room.enter(request.into_inner()).map(Response::new)
    }
}

/// What a division by zero is refused with: "the divisor must not be zero!" Clients compare it to the byte.
const DIVISION_BY_ZERO: &str = "除数不能为零！";

fn answer(a: f64, operator: char, b: f64, value: f64) -> Response<calculator::Result> {
    Response::new(calculator::Result { value, message: format!("{a} {operator} {b} = {value}") })
}

impl Squares {
    fn up_to(number: f64) -> Result<Self, Status> {
        if !number.is_finite() || number < 0.0 {
            return Err(Status::invalid_argument(format!(
                "{number} is no number to count up to: send a finite one, 0 or greater"
            )));
        }
        // The conversion cuts the fraction off, and stops at 2^64 - 1: nobody will wait for that one.
        Ok(Squares { next: 1, last: number as u64 })
    }
}

impl Iterator for Squares {
    type Item = Result<calculator::Result, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next > self.last {
            return None;
        }
        let number = self.next as f64;
        self.next = self.next.checked_add(1)?;
        let value = number * number;
        Some(Ok(calculator::Result { value, message: format!("{number} * {number} = {value}") }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A failed call is a failed test.

    use super::*;
    use crate::status::Code;

    fn operation(a: f64, b: f64) -> Request<BinaryOperation> {
        Request::new(BinaryOperation { a, b })
    }

    fn squares(number: f64) -> Vec<f64> {
        Squares::up_to(number).unwrap().map(|square| square.unwrap().value).collect()
    }

    #[tokio::test]
    async fn arithmetic_is_on_doubles() {
        let calculator = CalculatorHandler::default();
        let sum = calculator.add(operation(2.0, 3.5)).await.unwrap().into_inner();
        assert_eq!((sum.value, sum.message.as_str()), (5.5, "2 + 3.5 = 5.5"));
        assert_eq!(calculator.subtract(operation(2.0, 3.0)).await.unwrap().get_ref().value, -1.0);
        assert_eq!(calculator.multiply(operation(1e200, 1e200)).await.unwrap().get_ref().value, f64::INFINITY);
        assert_eq!(calculator.divide(operation(1.0, 4.0)).await.unwrap().get_ref().value, 0.25);
    }

    #[tokio::test]
    async fn division_by_either_zero_is_refused_in_the_agreed_words() {
        for zero in [0.0, -0.0] {
            let error = CalculatorHandler::default().divide(operation(1.0, zero)).await.unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument);
            assert_eq!(error.message(), "除数不能为零！");
        }
    }

    #[test]
    fn squares_go_up_to_the_whole_part() {
        assert_eq!(squares(3.0), [1.0, 4.0, 9.0]);
        assert_eq!(squares(2.99), [1.0, 4.0]);
        for none in [0.9, 0.0, -0.0] {
            assert!(squares(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn numbers_that_one_cannot_count_up_to_are_refused() {
        for number in [-1.0, -0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = Squares::up_to(number).unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument, "{number}");
        }
    }

    #[test]
    fn the_greatest_number_needs_no_more_room_than_the_smallest() {
        let mut squares = Squares::up_to(f64::MAX).unwrap();
        assert_eq!(squares.last, u64::MAX);
        assert_eq!(squares.nth(999_999).unwrap().unwrap().value, 1e12);
    }
}
