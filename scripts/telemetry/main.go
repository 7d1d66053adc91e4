// Makes calls with grpc-go, client and server in this process, each with its OpenTelemetry plugin, and prints what
// that has measured: one line of JSON a point. The same calls are made by benches/peers/src/bin/telemetry_calls.rs.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/interop"
	"google.golang.org/grpc/stats/opentelemetry"
	"google.golang.org/grpc/status"

	pb "google.golang.org/grpc/interop/grpc_testing"
)

const serviceConfig = `{"methodConfig": [{"name": [{"service": "grpc.testing.TestService"}], "retryPolicy": {
	"maxAttempts": 3, "initialBackoff": "0.01s", "maxBackoff": "0.02s", "backoffMultiplier": 2,
	"retryableStatusCodes": ["ABORTED"]}}]}`

// flaky answers as gRPC's interoperability server does, after it has refused as many unary calls as it was told to.
type flaky struct {
	pb.TestServiceServer
	refusals atomic.Int32
}

func (s *flaky) UnaryCall(ctx context.Context, request *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	if s.refusals.Add(-1) >= 0 {
		return nil, status.Error(codes.Aborted, "not yet")
	}
	return s.TestServiceServer.UnaryCall(ctx, request)
}

type place struct {
	client pb.TestServiceClient
	conn   *grpc.ClientConn
	server *flaky
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "telemetry:", err)
		os.Exit(1)
	}
}

func want(err error, code codes.Code) {
	if status.Code(err) != code {
		must(fmt.Errorf("a call ended with %v instead of %v: %w", status.Code(err), code, err))
	}
}

func request(size, answer int) *pb.SimpleRequest {
	return &pb.SimpleRequest{ResponseSize: int32(answer), Payload: &pb.Payload{Body: make([]byte, size)}}
}

func unary(ctx context.Context, p *place) {
	for _, size := range []int{1, 1000, 3000, 100_000} {
		_, err := p.client.UnaryCall(ctx, request(size, size*2))
		want(err, codes.OK)
	}
	_, err := p.client.EmptyCall(ctx, &pb.Empty{})
	want(err, codes.OK)
}

func errors(ctx context.Context, p *place) {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		asked := request(10, 10)
		asked.ResponseStatus = &pb.EchoStatus{Code: int32(code), Message: "as asked"}
		_, err := p.client.UnaryCall(ctx, asked)
		want(err, code)
	}
}

func streams(ctx context.Context, p *place) {
	parameters := []*pb.ResponseParameters{{Size: 10}, {Size: 2000}, {Size: 30_000}}
	down, err := p.client.StreamingOutputCall(ctx, &pb.StreamingOutputCallRequest{ResponseParameters: parameters})
	must(err)
	for err == nil {
		_, err = down.Recv()
	}
	up, err := p.client.StreamingInputCall(ctx)
	must(err)
	for _, size := range []int{10, 2000, 30_000} {
		must(up.Send(&pb.StreamingInputCallRequest{Payload: &pb.Payload{Body: make([]byte, size)}}))
	}
	_, err = up.CloseAndRecv()
	must(err)
	both, err := p.client.FullDuplexCall(ctx)
	must(err)
	for range 2 {
		must(both.Send(&pb.StreamingOutputCallRequest{ResponseParameters: parameters[:2]}))
		for range 2 {
			_, err = both.Recv()
			must(err)
		}
	}
	asked := &pb.StreamingOutputCallRequest{ResponseStatus: &pb.EchoStatus{Code: int32(codes.DataLoss)}}
	must(both.Send(asked))
	_, err = both.Recv()
	want(err, codes.DataLoss)
}

func unknown(ctx context.Context, p *place) {
	_, err := p.client.UnimplementedCall(ctx, &pb.Empty{})
	want(err, codes.Unimplemented)
	_, err = pb.NewUnimplementedServiceClient(p.conn).UnimplementedCall(ctx, &pb.Empty{})
	want(err, codes.Unimplemented)
	err = p.conn.Invoke(ctx, "/grpc.testing.TestService/MadeUp", &pb.Empty{}, &pb.Empty{})
	want(err, codes.Unimplemented)
	err = p.conn.Invoke(ctx, "/made.up.Service/Method", &pb.Empty{}, &pb.Empty{})
	want(err, codes.Unimplemented)
}

func cancelled(ctx context.Context, p *place) {
	ctx, cancel := context.WithCancel(ctx)
	both, err := p.client.FullDuplexCall(ctx)
	must(err)
	parameters := []*pb.ResponseParameters{{Size: 10}}
	must(both.Send(&pb.StreamingOutputCallRequest{ResponseParameters: parameters}))
	_, err = both.Recv()
	must(err)
	cancel()
	_, err = both.Recv()
	want(err, codes.Canceled)
}

func deadline(ctx context.Context, p *place) {
	ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	both, err := p.client.FullDuplexCall(ctx)
	must(err)
	_, err = both.Recv()
	want(err, codes.DeadlineExceeded)
}

func late(ctx context.Context, p *place) {
	ctx, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
	defer cancel()
	_, err := p.client.UnaryCall(ctx, request(10, 10))
	want(err, codes.DeadlineExceeded)
}

func compressed(ctx context.Context, p *place) {
	for _, size := range []int{10, 100_000} {
		_, err := p.client.UnaryCall(ctx, request(size, size), grpc.UseCompressor(gzip.Name))
		want(err, codes.OK)
	}
}

func retried(ctx context.Context, p *place) {
	p.server.refusals.Store(1)
	_, err := p.client.UnaryCall(ctx, request(10, 20))
	want(err, codes.OK)
	p.server.refusals.Store(3)
	_, err = p.client.UnaryCall(ctx, request(10, 20))
	want(err, codes.Aborted)
}

var scenarios = []struct {
	name string
	run  func(context.Context, *place)
}{
	{"unary", unary}, {"errors", errors}, {"streams", streams}, {"unknown", unknown}, {"cancelled", cancelled},
	{"deadline", deadline}, {"late", late}, {"compressed", compressed}, {"retried", retried},
}

func main() {
	for _, scenario := range scenarios {
		run(scenario.name, scenario.run)
	}
	unreachable()
}

func run(name string, calls func(context.Context, *place)) {
	reader := metric.NewManualReader()
	options := opentelemetry.Options{
		MetricsOptions: opentelemetry.MetricsOptions{MeterProvider: metric.NewMeterProvider(metric.WithReader(reader))},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	server := grpc.NewServer(opentelemetry.ServerOption(options))
	service := &flaky{TestServiceServer: interop.NewTestServer()}
	pb.RegisterTestServiceServer(server, service)
	go server.Serve(listener)
	conn := connect(listener.Addr().String(), options)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	calls(ctx, &place{client: pb.NewTestServiceClient(conn), conn: conn, server: service})
	must(conn.Close())
	server.GracefulStop()
	print(name, reader)
}

// unreachable calls where nobody listens.
func unreachable() {
	reader := metric.NewManualReader()
	options := opentelemetry.Options{
		MetricsOptions: opentelemetry.MetricsOptions{MeterProvider: metric.NewMeterProvider(metric.WithReader(reader))},
	}
	conn := connect("127.0.0.1:1", options)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := pb.NewTestServiceClient(conn).UnaryCall(ctx, request(10, 10))
	want(err, codes.Unavailable)
	must(conn.Close())
	print("unreachable", reader)
}

func connect(address string, options opentelemetry.Options) *grpc.ClientConn {
	conn, err := grpc.NewClient("dns:///"+address, opentelemetry.DialOption(options),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultServiceConfig(serviceConfig))
	must(err)
	return conn
}

// point is what both sides print.
type point struct {
	Scenario   string            `json:"scenario"`
	Name       string            `json:"name"`
	Kind       string            `json:"kind"`
	Unit       string            `json:"unit"`
	Attributes map[string]string `json:"attributes"`
	Bounds     []float64         `json:"bounds"`
	Counts     []uint64          `json:"counts"`
	Sum        float64           `json:"sum"`
}

func print(scenario string, reader metric.Reader) {
	var collected metricdata.ResourceMetrics
	must(reader.Collect(context.Background(), &collected))
	encoder := json.NewEncoder(os.Stdout)
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			p := point{Scenario: scenario, Name: m.Name, Unit: m.Unit}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, d := range data.DataPoints {
					p.Kind, p.Attributes, p.Sum = "sum", attributes(d.Attributes), float64(d.Value)
					must(encoder.Encode(p))
				}
			case metricdata.Histogram[int64]:
				for _, d := range data.DataPoints {
					p.Kind, p.Attributes, p.Sum = "histogram", attributes(d.Attributes), float64(d.Sum)
					p.Bounds, p.Counts = d.Bounds, d.BucketCounts
					must(encoder.Encode(p))
				}
			case metricdata.Histogram[float64]:
				for _, d := range data.DataPoints {
					p.Kind, p.Attributes, p.Sum = "histogram", attributes(d.Attributes), d.Sum
					p.Bounds, p.Counts = d.Bounds, d.BucketCounts
					must(encoder.Encode(p))
				}
			default:
				p.Kind = fmt.Sprintf("%T", data)
				must(encoder.Encode(p))
			}
		}
	}
}

func attributes(set attribute.Set) map[string]string {
	all := make(map[string]string)
	for _, pair := range set.ToSlice() {
		all[string(pair.Key)] = pair.Value.Emit()
	}
	return all
}
