// A plant on Eclipse Milo, an implementation in Java independent of node-opcua.
//
// Usage: MiloPlant FOLDER PORT [NAME=VALUE...]; what it serves and takes is said in plant.ts. Besides it has a variable of
// some types, each called like its type, and `timed`, whose status and time are not those of now.

import static org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.Unsigned.uint;
import static org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.Unsigned.ulong;
import static org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.Unsigned.ushort;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.eclipse.milo.opcua.sdk.core.AccessLevel;
import org.eclipse.milo.opcua.sdk.server.AddressSpace.HistoryReadContext;
import org.eclipse.milo.opcua.sdk.server.OpcUaServer;
import org.eclipse.milo.opcua.sdk.server.Session;
import org.eclipse.milo.opcua.sdk.server.methods.MethodInvocationHandler;
import org.eclipse.milo.opcua.sdk.server.model.objects.AlarmConditionTypeNode;
import org.eclipse.milo.opcua.sdk.server.model.objects.BaseEventTypeNode;
import org.eclipse.milo.opcua.sdk.server.nodes.UaMethodNode;
import org.eclipse.milo.opcua.sdk.server.nodes.UaVariableNode;
import org.eclipse.milo.opcua.stack.core.NodeIds;
import org.eclipse.milo.opcua.stack.core.StatusCodes;
import org.eclipse.milo.opcua.stack.core.UaException;
import org.eclipse.milo.opcua.stack.core.types.builtin.ByteString;
import org.eclipse.milo.opcua.stack.core.types.builtin.DataValue;
import org.eclipse.milo.opcua.stack.core.types.builtin.DateTime;
import org.eclipse.milo.opcua.stack.core.types.builtin.ExtensionObject;
import org.eclipse.milo.opcua.stack.core.types.builtin.LocalizedText;
import org.eclipse.milo.opcua.stack.core.types.builtin.NodeId;
import org.eclipse.milo.opcua.stack.core.types.builtin.StatusCode;
import org.eclipse.milo.opcua.stack.core.types.builtin.Variant;
import org.eclipse.milo.opcua.stack.core.types.enumerated.TimestampsToReturn;
import org.eclipse.milo.opcua.stack.core.types.structured.CallMethodResult;
import org.eclipse.milo.opcua.stack.core.types.structured.HistoryData;
import org.eclipse.milo.opcua.stack.core.types.structured.HistoryReadDetails;
import org.eclipse.milo.opcua.stack.core.types.structured.HistoryReadResult;
import org.eclipse.milo.opcua.stack.core.types.structured.HistoryReadValueId;
import org.eclipse.milo.opcua.stack.core.types.structured.ReadRawModifiedDetails;

public final class MiloPlant {
  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[1]);
    Map<String, String> more = new HashMap<>();
    for (int i = 2; i < args.length; i++) more.put(args[i].split("=")[0], args[i].split("=")[1]);
    Setup setup = Setup.in(Path.of(args[0]), port);
    OpcUaServer server = setup.server();
    if (more.containsKey("shift")) server.getNamespaceTable().add("urn:test:elsewhere");
    Plant plant = new Plant(server, more);
    plant.startup();
    server.startup().get();
    plant.begin();

    setup.ready(port);
    var lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] words = line.split(" ", 4);
      String answer = "done";
      switch (words[0]) {
        case "tick" -> plant.tick(Integer.parseInt(words[1]), Long.parseLong(words[2]));
        case "past" -> plant.past(Integer.parseInt(words[1]));
        case "event" -> plant.event(NodeId.parse(words[1]), Integer.parseInt(words[2]), words[3]);
        case "flood" -> {
          for (int i = 0; i < Integer.parseInt(words[1]); i++) plant.event(NodeIds.BaseEventType, 100, "flood " + i);
        }
        case "alarm" -> plant.change(words[1].equals("on"), Integer.parseInt(words[2]));
        case "branch" -> plant.tell(words[1]);
        case "drop" -> {
          for (Session session : server.getSessionManager().getAllSessions())
            server.getSessionManager().killSession(session.getSessionId(), true);
        }
        case "held" ->
            answer =
                String.format(
                    "{\"sessions\":%d,\"subscriptions\":%d}",
                    server.getSessionManager().getAllSessions().size(), server.getSubscriptions().size());
        default -> answer = "what?";
      }
      System.out.println(answer);
    }
    System.exit(0);
  }

  private static final class Plant extends Pushed {
    private final OpcUaServer server;
    private final List<DataValue> history = new ArrayList<>();
    private final int page;
    private UaVariableNode counter;
    private UaVariableNode recorded;
    private AlarmConditionTypeNode alarm;
    private long count;
    private Instant moment = Instant.now();
    private boolean active = false;
    private boolean acked = true;
    private int severity = 1;
    private ByteString last = ByteString.NULL_VALUE;
    private final Map<String, String> more;

    Plant(OpcUaServer server, Map<String, String> more) {
      super(server, "urn:test:plant");
      this.server = server;
      this.more = more;
      count = Long.parseLong(more.getOrDefault("count", "0"));
      page = Integer.parseInt(more.getOrDefault("page", "1000"));
    }

    @Override
    void fill() {
      counter = add("counter", NodeIds.UInt32, uint(count));
      recorded = add("recorded", NodeIds.UInt32, uint(count), AccessLevel.CurrentRead, AccessLevel.HistoryRead);
      recorded.setHistorizing(true);
      add("text", NodeIds.String, "Ölstand ".repeat(25_000));
      Double[] halves = new Double[10_000];
      for (int i = 0; i < halves.length; i++) halves[i] = i / 2.0;
      add("array", NodeIds.Double, halves);
      add("Boolean", NodeIds.Boolean, true);
      add("Int16", NodeIds.Int16, Short.MIN_VALUE);
      add("Int64", NodeIds.Int64, Long.MIN_VALUE);
      add("UInt64", NodeIds.UInt64, ulong(new BigInteger("18446744073709551615")));
      add("Float", NodeIds.Float, 12.31f);
      add("Double", NodeIds.Double, 0.1);
      add("String", NodeIds.String, "Ölstand 5 µm");
      add("Double array", NodeIds.Double, new Double[] {1.5, -2.25});
      UaVariableNode timed = add("timed", NodeIds.Double, 0.0);
      DateTime then = new DateTime(132_539_328_001_234_567L);
      timed.setValue(new DataValue(new Variant(1.5), new StatusCode(StatusCodes.Uncertain_LastUsableValue), then));
      if (more.containsKey("past")) {
        String[] words = more.get("past").split(",");
        moment = Instant.ofEpochMilli(Long.parseLong(words[1]));
        past(Integer.parseInt(words[0]));
      } else {
        record(moment);
      }
    }

    /** Events can be made only by a server that has started. */
    void begin() {
      try {
        alarm = (AlarmConditionTypeNode) server.getEventFactory().createEvent(newNodeId("LevelAlarm"), NodeIds.AlarmConditionType);
      } catch (UaException e) {
        throw new IllegalStateException(e);
      }
      UaMethodNode refresh =
          (UaMethodNode) server.getAddressSpaceManager().getManagedNode(NodeIds.ConditionType_ConditionRefresh).orElseThrow();
      if (!"no".equals(more.get("refresh"))) refresh.setInvocationHandler((context, request) -> {
        event(NodeIds.RefreshStartEventType, 1, "");
        if (active || !acked) tell(null);
        event(NodeIds.RefreshEndEventType, 1, "");
        return new CallMethodResult(StatusCode.GOOD, null, null, null);
      });
    }

    private static DateTime at(Instant moment) {
      return new DateTime(moment);
    }

    private DataValue value(Instant moment) {
      return new DataValue(Variant.of(uint(count)), StatusCode.GOOD, at(moment), at(moment));
    }

    private synchronized void record(Instant moment) {
      this.moment = moment;
      history.add(value(moment));
    }

    void tick(int times, long ms) throws InterruptedException {
      for (int i = 0; i < times; i++) {
        count += 1;
        Instant now = Instant.now();
        show(counter, value(now));
        show(recorded, value(now));
        record(now);
        Thread.sleep(ms);
      }
    }

    void past(int times) {
      Instant start = moment;
      Instant end = Instant.now();
      long nanos = start.until(end, java.time.temporal.ChronoUnit.NANOS);
      for (long i = 1; i <= times; i++) {
        count += 1;
        record(start.plusNanos(nanos * i / times));
      }
      show(counter, value(moment));
      show(recorded, value(moment));
    }

    /** An event has a time and a number of its own. */
    private ByteString stamp(BaseEventTypeNode event) {
      UUID id = UUID.randomUUID();
      byte[] bytes = ByteBuffer.allocate(16).putLong(id.getMostSignificantBits()).putLong(id.getLeastSignificantBits()).array();
      event.setEventId(ByteString.of(bytes));
      event.setTime(DateTime.now());
      event.setReceiveTime(DateTime.now());
      return event.getEventId();
    }

    synchronized void event(NodeId type, int severity, String text) {
      try {
        BaseEventTypeNode event = server.getEventFactory().createEvent(newNodeId(UUID.randomUUID()), type);
        stamp(event);
        event.setEventType(type);
        event.setSourceNode(NodeIds.Server);
        event.setSourceName("plant");
        event.setMessage(LocalizedText.english(text));
        event.setSeverity(ushort(severity));
        server.getEventNotifier().fire(event);
        event.delete();
      } catch (UaException e) {
        throw new IllegalStateException(e);
      }
    }

    synchronized void tell(String branch) {
      ByteString id = stamp(alarm);
      if (branch == null) last = id;
      alarm.setEventType(NodeIds.AlarmConditionType);
      alarm.setSourceNode(counter.getNodeId());
      alarm.setSourceName("Level");
      alarm.setConditionName("LevelAlarm");
      alarm.setBranchId(branch == null ? NodeId.NULL_VALUE : newNodeId(branch));
      alarm.setMessage(LocalizedText.english("level"));
      alarm.setSeverity(ushort(severity));
      alarm.setQuality(StatusCode.GOOD);
      alarm.setRetain(active || !acked);
      alarm.getActiveStateNode().setId(active);
      alarm.getAckedStateNode().setId(acked);
      server.getEventNotifier().fire(alarm);
    }

    synchronized void change(boolean active, int severity) {
      acked = acked && !active;
      this.active = active;
      this.severity = severity;
      tell(null);
    }

    @Override
    protected MethodInvocationHandler getInvocationHandler(NodeId object, NodeId method) throws UaException {
      if (!method.equals(NodeIds.AcknowledgeableConditionType_Acknowledge)) return super.getInvocationHandler(object, method);
      return (context, request) -> {
        synchronized (this) {
          if (!last.equals(request.getInputArguments()[0].value()))
            return new CallMethodResult(new StatusCode(StatusCodes.Bad_EventIdUnknown), null, null, null);
          acked = true;
          tell(null);
          return new CallMethodResult(StatusCode.GOOD, null, null, null);
        }
      };
    }

    @Override
    public List<HistoryReadResult> historyRead(
        HistoryReadContext context, HistoryReadDetails details, TimestampsToReturn timestamps, List<HistoryReadValueId> ids) {
      return ids.stream().map(id -> read((ReadRawModifiedDetails) details, id)).toList();
    }

    /** A continuation point is the place of the next value. */
    private synchronized HistoryReadResult read(ReadRawModifiedDetails details, HistoryReadValueId id) {
      if (!id.getNodeId().equals(recorded.getNodeId()))
        return new HistoryReadResult(new StatusCode(StatusCodes.Bad_HistoryOperationUnsupported), null, null);
      long asked = details.getNumValuesPerNode().longValue();
      long most = asked == 0 ? page : Math.min(asked, page);
      ByteString point = id.getContinuationPoint();
      int place = point == null || point.isNullOrEmpty() ? 0 : ByteBuffer.wrap(point.bytesOrEmpty()).getInt();
      List<DataValue> found = new ArrayList<>();
      for (; place < history.size() && found.size() < most; place++) {
        long time = history.get(place).getSourceTime().getUtcTime();
        if (time >= details.getStartTime().getUtcTime() && time <= details.getEndTime().getUtcTime())
          found.add(history.get(place));
      }
      byte[] next = ByteBuffer.allocate(4).putInt(place).array();
      var data = new HistoryData(found.toArray(DataValue[]::new));
      return new HistoryReadResult(
          StatusCode.GOOD,
          place < history.size() ? ByteString.of(next) : null,
          ExtensionObject.encode(server.getStaticEncodingContext(), data));
    }
  }
}
