// Calls of grpc-go's channel over two servers that are restarted in turn, for `trials drain`: unary calls at a rate and
// streams that are always open, until standard input ends; then a report, one line of JSON.
//
// Options and report are those of `trials caller`.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // Listens to what servers say of themselves.
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"
)

const (
	// A call may take so long. It is there to end what would hang.
	callTimeout = 10 * time.Second
	// A call that is answered later than this after its time was not made at the rate that was offered.
	late = time.Second
	// Messages of a stream that ends by itself.
	messages = 10
	// Between two messages of a stream that does not.
	step = 100 * time.Millisecond
	// A stream that cannot begin is tried again after this.
	pause = 10 * time.Millisecond
	// How often is looked at what is due.
	tick = time.Millisecond
)

// No retry policy: whatever fails here would fail for users.
const config = `{"loadBalancingConfig":[{"round_robin":{}}],"healthCheckConfig":{"serviceName":""}}`

// bytesCodec takes messages as the bytes that they are on the wire.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }

func (bytesCodec) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = slices.Clone(data)
	return nil
}

// numbered is a message of which nothing is set but one number.
func numbered(field, number uint64) []byte {
	if number == 0 {
		return []byte{}
	}
	return binary.AppendUvarint(binary.AppendUvarint(nil, field<<3), number)
}

// id is the field of bench.Msg that numbers it, count that of bench.Req that says how many messages are asked for.
const id, count = 2, 1

type outcome struct {
	mutex     sync.Mutex
	Offered   uint64            `json:"offered"`
	Ok        uint64            `json:"ok"`
	InTime    uint64            `json:"in_time"`
	Failures  map[string]uint64 `json:"failures"`
	LatencyUs [4]float64        `json:"latency_us"`
	Finished  uint64            `json:"finished"`
	CutAtMs   []int64           `json:"cut_at_ms"`
	Broken    map[string]uint64 `json:"broken"`
	durations []time.Duration
}

func (o *outcome) call(err error, took time.Duration) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if err != nil {
		o.Failures[err.Error()]++
		return
	}
	o.Ok++
	if took <= late {
		o.InTime++
	}
	o.durations = append(o.durations, took)
}

func (o *outcome) stream(err error, isShort bool) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	switch {
	case err == nil:
		o.Finished++
	case !isShort && status.Code(err) == codes.Unavailable:
		o.CutAtMs = append(o.CutAtMs, time.Now().UnixMilli())
	default:
		o.Broken[err.Error()]++
	}
}

func (o *outcome) percentiles() {
	slices.Sort(o.durations)
	for at, percent := range []float64{50, 99, 99.9, 100} {
		if all := len(o.durations); all > 0 {
			rank := min(int(float64(all)*percent/100), all-1)
			o.LatencyUs[at] = float64(o.durations[rank].Nanoseconds()) / 1e3
		}
	}
}

func call(channel *grpc.ClientConn, number uint64, at time.Time, o *outcome) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	request, answer := numbered(id, number), []byte(nil)
	err := channel.Invoke(ctx, "/bench.Bench/Unary", &request, &answer)
	if err == nil && !slices.Equal(request, answer) {
		err = errors.New("this is the answer to another call")
	}
	o.call(err, time.Since(at))
}

// answer is a stream that has to come to its end.
func answer(channel *grpc.ClientConn) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := channel.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/bench.Bench/Down")
	if err != nil {
		return err
	}
	order := numbered(count, messages)
	if err := stream.SendMsg(&order); err != nil && err != io.EOF {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for seen := uint64(0); ; seen++ {
		var message []byte
		switch err := stream.RecvMsg(&message); {
		case err == io.EOF && seen == messages:
			return nil
		case err == io.EOF:
			return errors.New("the stream ended early")
		case err != nil:
			return err
		case !slices.Equal(message, numbered(id, seen)):
			return errors.New("a message is missing")
		}
	}
}

// exchange goes both ways until the program stops, or the server does.
func exchange(channel *grpc.ClientConn, stop *atomic.Bool) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	both := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	stream, err := channel.NewStream(ctx, both, "/bench.Bench/Bidi")
	if err != nil {
		return err
	}
	for number := uint64(0); !stop.Load(); number++ {
		sent, came := numbered(id, number), []byte(nil)
		// When nobody takes it, the status is what comes next.
		if err := stream.SendMsg(&sent); err != nil && err != io.EOF {
			return err
		}
		if err := stream.RecvMsg(&came); err == io.EOF {
			return errors.New("the stream ended early")
		} else if err != nil {
			return err
		}
		if !slices.Equal(sent, came) {
			return errors.New("this is the answer to another message")
		}
		time.Sleep(step)
	}
	return stream.CloseSend()
}

func keepOpen(channel *grpc.ClientConn, isShort bool, stop *atomic.Bool, o *outcome) {
	for !stop.Load() {
		var err error
		if isShort {
			err = answer(channel)
		} else {
			err = exchange(channel, stop)
		}
		o.stream(err, isShort)
		if err != nil {
			time.Sleep(pause)
		}
	}
}

// calls makes as many a second as told, each at its own time, whether those before are over or not.
func calls(channel *grpc.ClientConn, rate float64, stop *atomic.Bool, o *outcome) {
	var running sync.WaitGroup
	began, begun := time.Now(), uint64(0)
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for !stop.Load() {
		<-ticks.C
		for due := uint64(time.Since(began).Seconds()*rate) + 1; begun < due; { // The first is due at once.
			at := began.Add(time.Duration(float64(begun) / rate * float64(time.Second)))
			begun++
			number := begun
			running.Go(func() { call(channel, number, at, o) })
		}
	}
	running.Wait()
	o.Offered = begun
}

func connect(servers string) (*grpc.ClientConn, error) {
	var addresses []resolver.Address
	for _, port := range strings.Split(servers, ",") {
		addresses = append(addresses, resolver.Address{Addr: "127.0.0.1:" + port})
	}
	names := manual.NewBuilderWithScheme("servers")
	names.InitialState(resolver.State{Addresses: addresses})
	again := backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 150 * time.Millisecond}
	return grpc.NewClient("servers:///all",
		grpc.WithResolvers(names),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(config),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: again, MinConnectTimeout: time.Second}),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(bytesCodec{})),
	)
}

func main() {
	servers := flag.String("servers", "", "ports on this machine, with commas in between")
	rate := flag.Float64("rate", 5000, "unary calls a second")
	streams := flag.Int("streams", 200, "streams that are open at a time")
	flag.Parse()
	channel, err := connect(*servers)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	o := &outcome{Failures: map[string]uint64{}, Broken: map[string]uint64{}, CutAtMs: []int64{}}
	var stop atomic.Bool
	var kept sync.WaitGroup
	for number := range *streams {
		kept.Go(func() { keepOpen(channel, number%2 == 0, &stop, o) })
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop.Store(true)
	}()
	calls(channel, *rate, &stop, o)
	kept.Wait()
	o.percentiles()
	if err := json.NewEncoder(os.Stdout).Encode(o); err != nil {
		os.Exit(1)
	}
}
