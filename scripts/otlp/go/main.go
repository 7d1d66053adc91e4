// Makes some calls of grpc.testing.TestService with tracing on both sides, and prints a line of JSON for each span that
// it has recorded. Its argument is the server to call; without one it has a server of its own.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sort"
	"strings"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	experimental "google.golang.org/grpc/experimental/opentelemetry"
	"google.golang.org/grpc/interop"
	testing "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/stats/opentelemetry"
)

const patience = 15 * time.Second

func tracing(exporter sdk.SpanExporter) opentelemetry.Options {
	return opentelemetry.Options{TraceOptions: experimental.TraceOptions{
		TracerProvider:    sdk.NewTracerProvider(sdk.WithSyncer(exporter)),
		TextMapPropagator: propagation.TraceContext{},
	}}
}

// Listens on a free port.
func serve(exporter sdk.SpanExporter) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(opentelemetry.ServerOption(tracing(exporter)))
	testing.RegisterTestServiceServer(server, interop.NewTestServer())
	go server.Serve(listener)
	return listener.Addr().String()
}

func payload(size int) *testing.Payload {
	return &testing.Payload{Body: make([]byte, size)}
}

func call(ctx context.Context, client testing.TestServiceClient) {
	must := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	_, err := client.EmptyCall(ctx, &testing.Empty{})
	must(err)
	request := &testing.SimpleRequest{ResponseSize: 314, Payload: payload(271)}
	_, err = client.UnaryCall(ctx, request)
	must(err)
	_, err = client.UnaryCall(ctx, request, grpc.UseCompressor(gzip.Name))
	must(err)
	failing := &testing.SimpleRequest{ResponseStatus: &testing.EchoStatus{Code: 2, Message: "as told"}}
	if _, err = client.UnaryCall(ctx, failing); err == nil {
		log.Fatal("the call was to fail")
	}
	uploading, err := client.StreamingInputCall(ctx)
	must(err)
	for _, size := range []int{10, 0, 1000} {
		must(uploading.Send(&testing.StreamingInputCallRequest{Payload: payload(size)}))
	}
	_, err = uploading.CloseAndRecv()
	must(err)
	parameters := []*testing.ResponseParameters{{Size: 31}, {Size: 9}}
	downloading, err := client.StreamingOutputCall(ctx, &testing.StreamingOutputCallRequest{ResponseParameters: parameters})
	must(err)
	for err == nil {
		_, err = downloading.Recv()
	}
	if err != io.EOF {
		log.Fatal(err)
	}
	talking, err := client.FullDuplexCall(ctx)
	must(err)
	for _, size := range []int32{5, 50} {
		parameters := []*testing.ResponseParameters{{Size: size}}
		must(talking.Send(&testing.StreamingOutputCallRequest{ResponseParameters: parameters, Payload: payload(3)}))
		_, err = talking.Recv()
		must(err)
	}
	must(talking.CloseSend())
	if _, err = talking.Recv(); err != io.EOF {
		log.Fatal(err)
	}
}

func printed(span tracetest.SpanStub) string {
	events := [][]any{}
	for _, event := range span.Events {
		attributes := map[string]any{}
		for _, it := range event.Attributes {
			attributes[string(it.Key)] = it.Value.AsInterface()
		}
		events = append(events, []any{event.Name, attributes})
	}
	attributes := map[string]any{}
	for _, it := range span.Attributes {
		attributes[string(it.Key)] = it.Value.AsInterface()
	}
	message := span.Status.Description
	if span.Status.Code == codes.Ok {
		message = ""
	}
	line, err := json.Marshal(map[string]any{
		"name":       span.Name,
		"kind":       strings.ToLower(span.SpanKind.String()),
		"trace_id":   span.SpanContext.TraceID().String(),
		"span_id":    span.SpanContext.SpanID().String(),
		"parent_id":  span.Parent.SpanID().String(),
		"status":     span.Status.Code.String(),
		"message":    message,
		"attributes": attributes,
		"events":     events,
	})
	if err != nil {
		log.Fatal(err)
	}
	return string(line)
}

func main() {
	exporter := tracetest.NewInMemoryExporter()
	spans, address := 0, ""
	if len(os.Args) > 1 {
		address = os.Args[1]
	} else {
		address = serve(exporter)
	}
	connection, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), opentelemetry.DialOption(tracing(exporter)))
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	call(ctx, testing.NewTestServiceClient(connection))
	// A server's span may end after its caller has gone on: all are there when there are no more than a moment ago.
	for settled := time.Now(); time.Since(settled) < 200*time.Millisecond; time.Sleep(10 * time.Millisecond) {
		if count := len(exporter.GetSpans()); count != spans {
			spans, settled = count, time.Now()
		}
	}
	all := exporter.GetSpans()
	sort.Slice(all, func(i, j int) bool { return all[i].StartTime.Before(all[j].StartTime) })
	for _, span := range all {
		fmt.Println(printed(span))
	}
}
