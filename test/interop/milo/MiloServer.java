// An OPC UA server on Eclipse Milo, an implementation independent of node-opcua: a few types, a counter, every policy.
//
// Usage: MiloServer FOLDER PORT. The folder keeps its certificate over restarts. Prints one JSON line when it listens.
// Lines on standard input: "tick N MS" counts up N times, every MS milliseconds, and prints "ticked".

import static org.eclipse.milo.opcua.sdk.server.OpcUaServerConfig.USER_TOKEN_POLICY_ANONYMOUS;
import static org.eclipse.milo.opcua.sdk.server.OpcUaServerConfig.USER_TOKEN_POLICY_USERNAME;
import static org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.Unsigned.uint;
import static org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.Unsigned.ulong;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.eclipse.milo.opcua.sdk.core.AccessLevel;
import org.eclipse.milo.opcua.sdk.server.EndpointConfig;
import org.eclipse.milo.opcua.sdk.server.ManagedNamespaceWithLifecycle;
import org.eclipse.milo.opcua.sdk.server.OpcUaServer;
import org.eclipse.milo.opcua.sdk.server.OpcUaServerConfig;
import org.eclipse.milo.opcua.sdk.server.identity.AnonymousIdentityValidator;
import org.eclipse.milo.opcua.sdk.server.identity.CompositeValidator;
import org.eclipse.milo.opcua.sdk.server.identity.UsernameIdentityValidator;
import org.eclipse.milo.opcua.sdk.server.items.DataItem;
import org.eclipse.milo.opcua.sdk.server.items.MonitoredItem;
import org.eclipse.milo.opcua.sdk.server.nodes.UaVariableNode;
import org.eclipse.milo.opcua.stack.core.NodeIds;
import org.eclipse.milo.opcua.stack.core.StatusCodes;
import org.eclipse.milo.opcua.stack.core.security.CertificateValidator;
import org.eclipse.milo.opcua.stack.core.security.DefaultApplicationGroup;
import org.eclipse.milo.opcua.stack.core.security.DefaultCertificateManager;
import org.eclipse.milo.opcua.stack.core.security.MemoryCertificateQuarantine;
import org.eclipse.milo.opcua.stack.core.security.MemoryCertificateStore;
import org.eclipse.milo.opcua.stack.core.security.MemoryTrustListManager;
import org.eclipse.milo.opcua.stack.core.security.RsaSha256CertificateFactory;
import org.eclipse.milo.opcua.stack.core.security.SecurityPolicy;
import org.eclipse.milo.opcua.stack.core.transport.TransportProfile;
import org.eclipse.milo.opcua.stack.core.types.builtin.DataValue;
import org.eclipse.milo.opcua.stack.core.types.builtin.DateTime;
import org.eclipse.milo.opcua.stack.core.types.builtin.LocalizedText;
import org.eclipse.milo.opcua.stack.core.types.builtin.NodeId;
import org.eclipse.milo.opcua.stack.core.types.builtin.StatusCode;
import org.eclipse.milo.opcua.stack.core.types.builtin.Variant;
import org.eclipse.milo.opcua.stack.core.types.enumerated.MessageSecurityMode;
import org.eclipse.milo.opcua.stack.core.util.SelfSignedCertificateBuilder;
import org.eclipse.milo.opcua.stack.core.util.SelfSignedCertificateGenerator;
import org.eclipse.milo.opcua.stack.transport.server.tcp.OpcTcpServerTransport;
import org.eclipse.milo.opcua.stack.transport.server.tcp.OpcTcpServerTransportConfig;

public final class MiloServer {
  static final String URI = "urn:test:milo:server";
  static final char[] PASSWORD = "crude oil".toCharArray();
  static final List<SecurityPolicy> POLICIES =
      List.of(SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep, SecurityPolicy.Aes256_Sha256_RsaPss);

  public static void main(String[] args) throws Exception {
    Security.addProvider(new BouncyCastleProvider());
    int port = Integer.parseInt(args[1]);
    KeyStore.PrivateKeyEntry own = certificateIn(Path.of(args[0]).resolve("milo.p12"));
    X509Certificate certificate = (X509Certificate) own.getCertificate();

    var factory =
        new RsaSha256CertificateFactory() {
          @Override
          protected KeyPair createRsaSha256KeyPair() {
            return new KeyPair(certificate.getPublicKey(), own.getPrivateKey());
          }

          @Override
          protected X509Certificate[] createRsaSha256CertificateChain(KeyPair pair) {
            return new X509Certificate[] {certificate};
          }
        };
    var group =
        DefaultApplicationGroup.createAndInitialize(
            new MemoryTrustListManager(),
            new MemoryCertificateStore(),
            factory,
            new CertificateValidator.InsecureCertificateValidator());

    Set<EndpointConfig> endpoints = new LinkedHashSet<>();
    var base =
        EndpointConfig.newBuilder()
            .setTransportProfile(TransportProfile.TCP_UASC_UABINARY)
            .setBindAddress("127.0.0.1")
            .setHostname("127.0.0.1")
            .setBindPort(port)
            .setPath("/milo")
            .setCertificate(certificate)
            .addTokenPolicies(USER_TOKEN_POLICY_ANONYMOUS, USER_TOKEN_POLICY_USERNAME);
    // Discovery needs one without security; sessions over it are refused by the client under test.
    endpoints.add(base.copy().setSecurityPolicy(SecurityPolicy.None).setSecurityMode(MessageSecurityMode.None).build());
    for (SecurityPolicy policy : POLICIES) {
      for (var mode : List.of(MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt)) {
        endpoints.add(base.copy().setSecurityPolicy(policy).setSecurityMode(mode).build());
      }
    }

    OpcUaServer server =
        new OpcUaServer(
            OpcUaServerConfig.builder()
                .setApplicationUri(URI)
                .setApplicationName(LocalizedText.english("Milo of the interop tests"))
                .setProductUri(URI)
                .setEndpoints(endpoints)
                .setCertificateManager(new DefaultCertificateManager(new MemoryCertificateQuarantine(), group))
                .setIdentityValidator(
                    new CompositeValidator(
                        AnonymousIdentityValidator.INSTANCE,
                        new UsernameIdentityValidator(
                            challenge ->
                                "fieldgate".equals(challenge.getUsername())
                                    && "crude oil".equals(challenge.getPassword()))))
                .build(),
            profile -> new OpcTcpServerTransport(OpcTcpServerTransportConfig.newBuilder().build()));
    Plant plant = new Plant(server);
    plant.startup();
    server.startup().get();

    String der = Base64.getEncoder().encodeToString(certificate.getEncoded());
    System.out.printf("{\"endpoint\":\"opc.tcp://127.0.0.1:%d/milo\",\"certificate\":\"%s\"}%n", port, der);
    var lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (line.equals("held")) {
        System.out.printf(
            "{\"sessions\":%s,\"subscriptions\":%d}%n",
            server.getSessionManager().getCurrentSessionCount(), server.getSubscriptions().size());
        continue;
      }
      String[] words = line.split(" ");
      for (int i = 0; i < Integer.parseInt(words[1]); i++) {
        plant.tick();
        Thread.sleep(Long.parseLong(words[2]));
      }
      System.out.println("ticked");
    }
    System.exit(0);
  }

  private static KeyStore.PrivateKeyEntry certificateIn(Path file) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    var password = new KeyStore.PasswordProtection(PASSWORD);
    if (Files.exists(file)) {
      try (var in = Files.newInputStream(file)) {
        store.load(in, PASSWORD);
      }
    } else {
      KeyPair pair = SelfSignedCertificateGenerator.generateRsaKeyPair(2048);
      PrivateKey key = pair.getPrivate();
      var made =
          new SelfSignedCertificateBuilder(pair).setCommonName("milo").setApplicationUri(URI).addIpAddress("127.0.0.1");
      store.load(null, null);
      store.setKeyEntry("server", key, PASSWORD, new Certificate[] {made.build()});
      try (OutputStream out = Files.newOutputStream(file)) {
        store.store(out, PASSWORD);
      }
    }
    return (KeyStore.PrivateKeyEntry) store.getEntry("server", password);
  }

  /** The address space. Every change goes to the monitored items at once, so that none falls between two samples. */
  private static final class Plant extends ManagedNamespaceWithLifecycle {
    private final Map<DataItem, NodeId> items = new ConcurrentHashMap<>();
    private UaVariableNode counter;
    private long count;

    Plant(OpcUaServer server) {
      super(server, "urn:test:milo");
      getLifecycleManager().addStartupTask(this::fill);
    }

    private void fill() {
      counter = add("counter", NodeIds.UInt32, uint(0));
      add("Boolean", NodeIds.Boolean, true);
      add("Int16", NodeIds.Int16, Short.MIN_VALUE);
      add("Int64", NodeIds.Int64, Long.MIN_VALUE);
      add("UInt64", NodeIds.UInt64, ulong(new BigInteger("18446744073709551615")));
      add("Float", NodeIds.Float, 12.31f);
      add("Double", NodeIds.Double, 0.1);
      add("String", NodeIds.String, "Ölstand 5 µm");
      add("Double array", NodeIds.Double, new Double[] {1.5, -2.25});
      UaVariableNode timed = add("timed", NodeIds.Double, 0.0);
      DateTime moment = new DateTime(132_539_328_001_234_567L);
      timed.setValue(new DataValue(new Variant(1.5), new StatusCode(StatusCodes.Uncertain_LastUsableValue), moment));
    }

    private UaVariableNode add(String name, NodeId type, Object value) {
      UaVariableNode node =
          new UaVariableNode.UaVariableNodeBuilder(getNodeContext())
              .setNodeId(newNodeId(name))
              .setAccessLevel(AccessLevel.READ_ONLY)
              .setUserAccessLevel(AccessLevel.READ_ONLY)
              .setBrowseName(newQualifiedName(name))
              .setDisplayName(LocalizedText.english(name))
              .setDataType(type)
              .setTypeDefinition(NodeIds.BaseDataVariableType)
              .build();
      node.setValue(new DataValue(Variant.of(value)));
      getNodeManager().addNode(node);
      node.addReference(
          new org.eclipse.milo.opcua.sdk.core.Reference(
              node.getNodeId(), NodeIds.Organizes, NodeIds.ObjectsFolder.expanded(), false));
      return node;
    }

    synchronized void tick() {
      count += 1;
      DataValue value = new DataValue(Variant.of(uint(count)));
      counter.setValue(value);
      items.forEach((item, node) -> { if (node.equals(counter.getNodeId())) item.setValue(value); });
    }

    @Override
    public synchronized void onDataItemsCreated(List<DataItem> created) {
      for (DataItem item : created) {
        NodeId id = item.getReadValueId().getNodeId();
        items.put(item, id);
        getNodeManager()
            .getNode(id)
            .ifPresent(node -> item.setValue(((UaVariableNode) node).getValue()));
      }
    }

    @Override
    public void onDataItemsModified(List<DataItem> modified) {}

    @Override
    public void onDataItemsDeleted(List<DataItem> deleted) {
      deleted.forEach(items::remove);
    }

    @Override
    public void onMonitoringModeChanged(List<MonitoredItem> changed) {}
  }
}
